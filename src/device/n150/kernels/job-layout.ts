// Where the fields of a job lie in shared memory: read by the AssemblyScript kernels and written by the engine.
// Both languages compile this file, hence plain integer literals and no types.

/** First bytes of the control block: four 32-bit words that main thread and workers wait on. */
export const CONTROL_START = 1024;
export const CONTROL_GENERATION = 0;
export const CONTROL_DONE = 1;
export const CONTROL_FAILED = 2;
export const CONTROL_BANK = 3;

/** Each share's heartbeat is alone on its cache line: a counter that moves while its worker does. */
export const HEARTBEAT_START = 2048;
export const HEARTBEAT_BYTES = 64;

/** The one job in flight; byte offsets of its 32-bit fields follow. */
export const JOB_START = 16384;
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
