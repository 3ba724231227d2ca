// Where the fields of a job lie in shared memory: read by the AssemblyScript kernels and written by the engine.
// Both languages compile this file, hence plain integer literals and no types.

/** First bytes of the control block: four 32-bit words. Workers wait on the generation, the main thread on the bell. */
export const CONTROL_START = 1024;
export const CONTROL_GENERATION = 0;
export const CONTROL_BELL = 1;
export const CONTROL_FAILED = 2;
export const CONTROL_BANK = 3;

/** Each share's heartbeat is alone on its cache line: a counter that moves while its worker does. */
export const HEARTBEAT_START = 2048;
export const HEARTBEAT_BYTES = 64;
/** In the line of its heartbeat, in the first memory: the generation that a share has finished. */
export const FINISHED_OFFSET = 4;

/** The one job in flight; byte offsets of its 32-bit fields follow. */
export const JOB_START = 16384;
export const JOB_BYTES = 256;
export const JOB_TIER = 0;
export const JOB_ROWS = 4;
export const JOB_N = 8;
export const JOB_TILES_K = 12;
export const JOB_TILES_N = 16;
export const JOB_WEIGHTS = 20;
export const JOB_WEIGHT_FORMAT = 24;
export const JOB_WEIGHT_MASK = 28;
export const JOB_IS_DST_32 = 32;
export const JOB_L1_ACC = 36;
export const JOB_IN0_BLOCK_W = 40;
export const JOB_INTERMEDIATE = 44;
export const JOB_OUTPUT_FORMAT = 48;
export const JOB_DOUBLE_ROUND = 52;
export const JOB_PHASES = 56;
export const JOB_IN0 = 60;
export const JOB_IN0_HIGH = 64;
export const JOB_IN0_LOW = 68;
export const JOB_IN0_EXPONENTS = 72;
export const JOB_IN0_RANGES = 76;
export const JOB_OUT = 80;
export const JOB_UNITS = 84;
export const JOB_NEXT_UNIT = 88;
export const JOB_KIND = 92;
/** Smallest (low half) and largest exponent field (high half) of the nonzero activations if they are bfloat16. */
export const JOB_IN0_RANGE = 196;
/** From 0 to 255: products may be anything. */
export const RANGE_UNKNOWN = 0xff0000;

export const KIND_MATMUL = 0;
export const KIND_ATTENTION = 1;

/** A job of attention has these fields, besides its kind and units. */
export const ATTENTION_HEAD_DIM = 96;
export const ATTENTION_QUERY_HEADS = 100;
export const ATTENTION_KEY_VALUE_HEADS = 104;
export const ATTENTION_FIRST_POSITION = 108;
export const ATTENTION_ROWS = 112;
export const ATTENTION_UNIT_ROWS = 116;
export const ATTENTION_UNIT_HEADS = 120;
export const ATTENTION_QUERIES = 124;
export const ATTENTION_KEYS = 128;
export const ATTENTION_VALUES = 132;
export const ATTENTION_CAPACITY = 136;
export const ATTENTION_OUT = 140;
export const ATTENTION_CHUNK = 144;
export const ATTENTION_CORES = 148;
export const ATTENTION_ARITHMETIC = 152;
export const ATTENTION_PHASES = 156;
export const ATTENTION_IN0_MASK = 160;
export const ATTENTION_SUM_MASK = 164;
export const ATTENTION_EXPONENTIAL = 168;
export const ATTENTION_RECIPROCAL = 172;
/** Float32: what scores are multiplied with on the matrix unit; 0 for not at all. */
export const ATTENTION_SCORE_SCALE = 176;
/** Float32: what differences are multiplied with inside the exponentials. */
export const ATTENTION_WEIGHT_SCALE = 180;
export const ATTENTION_DECAY_SCALE = 184;
/** TIER_FLOAT or TIER_EXACT. */
export const ATTENTION_TIER = 188;
/** Whether tier exact sums weights by a matmul instead of a reduce. */
export const ATTENTION_SUMS_BY_MATMUL = 192;

/** What a unit of attention needs in tier exact: work area, and more of it for each query row. */
export const ATTENTION_EXACT_BYTES = 28672;
export const ATTENTION_EXACT_ROW_BYTES = 324;

/** How attention adds: as the matrix unit, in float32 rounded to nearest even, or in float32. */
export const ARITHMETIC_HARDWARE = 0;
export const ARITHMETIC_NEAREST_EVEN = 1;
export const ARITHMETIC_FLOAT32 = 2;

export const EXPONENTIAL_FAST = 0;
export const EXPONENTIAL_ACCURATE_2024 = 1;
export const EXPONENTIAL_TTNN_2026 = 2;
export const EXPONENTIAL_EXACT = 3;

export const RECIPROCAL_2024 = 0;
export const RECIPROCAL_EXACT = 1;

export const TIER_FLOAT = 0;
export const TIER_EXACT = 1;

export const FORMAT_BF16 = 0;
export const FORMAT_BFP8 = 1;
export const FORMAT_BFP4 = 2;
export const FORMAT_FP32 = 3;

/** Columns and rows of one unit of work. */
export const PANEL_COLUMNS = 64;
export const BLOCK_ROWS = 128;

/** Shares' scratch regions, one after the other, from SCRATCH_START on. */
export const SCRATCH_START = 65536;
export const SCRATCH_BYTES = 131072;
