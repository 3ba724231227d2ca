// Where rows and sums lie in the memory of the metrics' kernels.
// Both languages compile this file, hence plain integer literals and no types.

/** Partial sums of each quantity: entry i of a row counts to lane i mod 4. */
export const LANES = 4;

/** Entries per strip: kernels take whole ones. */
export const STRIP_SIZE = 64;

/** Entries of a row that lie in the kernels' memory at a time: whole strips, and few enough for all windows to stay in a core's cache. */
export const WINDOW_SIZE = 8192;

/** Largest values of a row that are listed. */
export const TOP_COUNT = 10;

/** Float64 of what is known of one row: lanes of its sum, a count, and the list of the largest values so far, largest first. */
export const ROW_SUM = 0;
export const ZEROS = 4;
export const TOP_FILLED = 5;
export const TOP_VALUES = 6;
export const TOP_IDS = 16;
export const ROW_FIELDS = 26;

/** Float64 of the sums over a pair of rows: lanes of each quantity, then the largest error and its place. */
export const GOLDEN_SQUARES = 0;
export const ACTUAL_SQUARES = 4;
export const PRODUCTS = 8;
export const DIFFERENCE_SQUARES = 12;
export const ABSOLUTE_ERRORS = 16;
export const PREVIOUS_GOLDEN_PRODUCTS = 20;
export const FIRST_GOLDEN_PRODUCTS = 24;
export const PREVIOUS_ACTUAL_PRODUCTS = 28;
/** Sums of exponentials, each followed by the same weighted with differences. */
export const GOLDEN_EXPONENTIALS = 32;
export const ACTUAL_EXPONENTIALS = 40;
export const LARGEST_ERROR = 48;
export const LARGEST_ERROR_AT = 49;
export const PAIR_FIELDS = 50;

/** Octaves of the exponential have 2^10 steps each. */
export const OCTAVE_SHIFT = 10;
export const STEPS_PER_OCTAVE = 1024;

/** Byte offsets. The exponential's numbers are float64 of exp-log.ts, in the order in which it uses them, and its powers [1024]. */
export const NUMBERS_START = 1024;
export const POWERS_START = 2048;
export const ROW_SUMS_START = 12288;
export const PAIR_SUMS_START = 13312;
/** Least and largest values of a window's strips, float32. */
export const STRIP_MIN_START = 16384;
export const STRIP_MAX_START = 20480;
/** Windows [5, WINDOW_SIZE] float32: golden, actual and the control rows; a row that is scanned is in the first. */
export const WINDOWS_START = 32768;
export const WINDOW_BYTES = 32768;
export const MEMORY_PAGES = 3;
