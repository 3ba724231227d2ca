// How many rows may be multiplied together so that no row's bits depend on their number.
// Source: ONNX Runtime 1.30, mlas/lib/sgemm.cpp: `MlasGemmBatch` (who gets which columns), `MlasSgemmOperation` (how K is cut).
// A sum over K is made in blocks of K, added one after the other; their length follows from the columns that a thread gets, nothing
// else of a row does. One row alone takes another kernel. Weights that the runtime packs when a session opens have blocks of one length.

/** The fewest rows of a product whose weights are not packed: a single one would be summed in another order. */
export const FEWEST_ROWS = 2;

const COLUMNS_ALIGNED = 16;
const OPERATIONS_PER_THREAD = 64 * 1024;
const BLOCK = 128;

/** Columns that leave each of `threads` more than half a block, whatever the rows: then no sum depends on how columns are shared. */
const COLUMNS_PER_THREAD = 80;
/** Where threads are many: slices are not to grow with them. More rows than this are then multiplied a part at a time. */
const SLICE_ROWS_MOST = 320;

/** The fewest rows that slices of a matrix should have. */
export function sliceRowsFor(threads: number): number {
  return Math.min(COLUMNS_PER_THREAD * threads, SLICE_ROWS_MOST);
}

/** A product x [P, K] of weights [N, K]. */
export interface ProductShape {
  readonly n: number;
  readonly k: number;
}

/**
 * The most rows P, at most `limit`, so that each row of each product has the same bits for every number of rows from FEWEST_ROWS to P.
 *
 * @param threads - of the session.
 */
export function rowsOfEqualBits(products: Iterable<ProductShape>, threads: number, limit: number): number {
  let most = limit;
  for (const product of products) {
    const first = blockLengths(product, FEWEST_ROWS, threads);
    for (let rows = FEWEST_ROWS + 1; rows <= most; rows++) {
      if (blockLengths(product, rows, threads) !== first) most = rows - 1;
    }
  }
  return most;
}

/** The lengths of the blocks that K is cut into, by the columns' threads: equal texts, equal sums. */
function blockLengths({ n, k }: ProductShape, rows: number, threads: number): string {
  const wanted = Math.min(threads, Math.floor((rows * n * k) / OPERATIONS_PER_THREAD) + 1);
  if (n <= rows) return String(blockLength(n, k));
  const blocks = Math.ceil(n / COLUMNS_ALIGNED);
  const sharing = Math.min(wanted, blocks);
  const lengths: string[] = [];
  let first = 0;
  for (let thread = 0; thread < sharing; thread++) {
    const count = Math.floor(blocks / sharing) + (thread < blocks % sharing ? 1 : 0);
    const columns = Math.min(count * COLUMNS_ALIGNED, n - first * COLUMNS_ALIGNED);
    // Where one length ends and the next begins matters only if they differ.
    lengths.push(`${blockLength(columns, k)}`);
    first += count;
  }
  return new Set(lengths).size === 1 ? lengths[0]! : `${sharing}: ${lengths.join()}`;
}

/** K itself where it is not cut. */
function blockLength(columns: number, k: number): number {
  let block = BLOCK;
  if (columns < k) for (let n = BLOCK; n > COLUMNS_ALIGNED && n / 2 >= columns; n /= 2) block *= 2;
  return Math.min(block, k);
}
