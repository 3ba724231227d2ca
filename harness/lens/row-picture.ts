// Two whole logits rows as pictures of fixed size: density, histogram of differences, a map of the vocabulary with its sick blocks named.
import { DENSITY_CELLS, ERROR_BINS, type NamedBlock, type RowPicture } from './lens-format.ts';

/** Entries of the vocabulary that one core writes together, and a tile's width. */
export const BLOCK = 1024;
export const TILE = 32;

/** Below this a block is none of golden's block of the same place. */
const UNRELATED_BELOW = 0.5;
/** From here on it is another one. */
const SAME_FROM = 0.9;

/**
 * @param golden - [V] float32.
 * @param actual - [V] float32.
 */
export function rowPicture(golden: Float32Array, actual: Float32Array, evidence: string): RowPicture {
  const range = finiteRange(golden, actual);
  const differences = Float64Array.from(golden, (value, i) => actual[i]! - value);
  const errorMax = differences.reduce((most, d) => (Number.isFinite(d) ? Math.max(most, Math.abs(d)) : most), 0);
  const { levels: tiles, max: tileMax } = tileLevels(differences);
  return {
    evidence,
    range,
    density: base64(densityOf(golden, actual, range)),
    errorMax: Math.fround(errorMax),
    errors: histogram(differences, errorMax),
    tiles: base64(tiles),
    tileMax: Math.fround(tileMax),
    blocks: namedBlocks(golden, actual),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function finiteRange(golden: Float32Array, actual: Float32Array): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const row of [golden, actual]) {
    for (const value of row) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return low > high ? [0, 1] : low === high ? [low, low + 1] : [low, high];
}

function densityOf(golden: Float32Array, actual: Float32Array, [low, high]: readonly [number, number]): Uint8Array {
  const counts = new Float64Array(DENSITY_CELLS * DENSITY_CELLS);
  const cellOf = (value: number): number =>
    Math.min(DENSITY_CELLS - 1, Math.floor(((value - low) / (high - low)) * DENSITY_CELLS));
  for (let i = 0; i < golden.length; i++) {
    if (!Number.isFinite(golden[i]!) || !Number.isFinite(actual[i]!)) continue;
    counts[cellOf(actual[i]!) * DENSITY_CELLS + cellOf(golden[i]!)]!++;
  }
  const most = counts.reduce((max, count) => Math.max(max, count), 0);
  const scale = most === 0 ? 0 : 255 / Math.log1p(most);
  return Uint8Array.from(counts, (count) => Math.ceil(Math.log1p(count) * scale));
}

function histogram(differences: Float64Array, errorMax: number): number[] {
  const bins = new Array<number>(ERROR_BINS).fill(0);
  for (const difference of differences) {
    if (!Number.isFinite(difference)) continue;
    const share = errorMax === 0 ? 0.5 : (difference / errorMax + 1) / 2;
    bins[Math.min(ERROR_BINS - 1, Math.floor(share * ERROR_BINS))]!++;
  }
  return bins;
}

/** Root mean square difference a tile; 255 also where a difference is not finite. */
function tileLevels(differences: Float64Array): { readonly levels: Uint8Array; readonly max: number } {
  const means = Array.from({ length: Math.ceil(differences.length / TILE) }, (_, tile) => {
    const part = differences.subarray(tile * TILE, (tile + 1) * TILE);
    return Math.sqrt(part.reduce((sum, d) => sum + d * d, 0) / part.length);
  });
  const max = means.reduce((most, mean) => (Number.isFinite(mean) ? Math.max(most, mean) : most), 0);
  const levels = Uint8Array.from(means, (mean) =>
    !Number.isFinite(mean) ? 255 : max === 0 ? 0 : Math.round((mean / max) * 255),
  );
  return { levels, max };
}

function namedBlocks(golden: Float32Array, actual: Float32Array): NamedBlock[] {
  const blockOf = (row: Float32Array, block: number): Float32Array => row.subarray(block * BLOCK, (block + 1) * BLOCK);
  const blocks = Math.ceil(golden.length / BLOCK);
  const named: NamedBlock[] = [];
  for (let block = 0; block < blocks; block++) {
    const own = blockOf(actual, block);
    const wanted = blockOf(golden, block);
    const pcc = blockPcc(wanted, own);
    if (own.some((value) => !Number.isFinite(value))) {
      named.push({ block, kind: 'notFinite', pcc });
    } else if (own.every((value) => value === own[0]) && !wanted.every((value) => value === wanted[0])) {
      named.push({ block, kind: own[0] === 0 ? 'dead' : 'constant', pcc });
    } else if (pcc !== null && pcc < UNRELATED_BELOW) {
      const holds = bestMatch(own, block, blocks, (other) => blockOf(golden, other));
      named.push({ block, pcc, ...(holds === null ? { kind: 'unrelated' } : { kind: 'swapped', holds }) });
    }
  }
  return named;
}

/** Which of golden's blocks this one is; null if none. */
function bestMatch(
  own: Float32Array,
  block: number,
  blocks: number,
  goldenOf: (block: number) => Float32Array,
): number | null {
  let best: { readonly other: number; readonly pcc: number } | null = null;
  for (let other = 0; other < blocks; other++) {
    const candidate = goldenOf(other);
    if (other === block || candidate.length !== own.length) continue;
    const pcc = blockPcc(candidate, own);
    if (pcc !== null && pcc >= SAME_FROM && (best === null || pcc > best.pcc)) best = { other, pcc };
  }
  return best?.other ?? null;
}

/** Two passes in float64, five decimals; null where it does not exist. */
function blockPcc(a: Float32Array, b: Float32Array): number | null {
  const mean = (row: Float32Array): number => row.reduce((sum, value) => sum + value, 0) / row.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]! - meanA, b[i]! - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  const pcc = ab / Math.sqrt(aa * bb);
  return Number.isFinite(pcc) ? Math.round(pcc * 1e5) / 1e5 : null;
}
