// Flash decode of one unit of work: some heads that share keys and values, at neighbouring positions of one tile of keys.
// Twin of ops/attention-decode.ts and ops/row-products.ts: every query row goes through the same
// steps, side by side with the unit's others so that keys and values are read once for all of them.
import {
  ATTENTION_CAPACITY, ATTENTION_CHUNK, ATTENTION_CORES, ATTENTION_FIRST_POSITION, ATTENTION_HEAD_DIM, ATTENTION_IN0_MASK,
  ATTENTION_KEYS, ATTENTION_KEY_VALUE_HEADS, ATTENTION_OUT, ATTENTION_QUERIES, ATTENTION_QUERY_HEADS, ATTENTION_ROWS,
  ATTENTION_ARITHMETIC, ATTENTION_PHASES, ATTENTION_TIER, ATTENTION_UNIT_HEADS, ATTENTION_UNIT_ROWS, ATTENTION_VALUES,
  ARITHMETIC_FLOAT32, TIER_EXACT,
} from '../job-layout';
import { exactRows } from './attention-exact';
import { decayTo, divideRow, maximumOfScores, mergeRow, rescaleRow, rescaled, rescaledSum, weightsOfScores } from './attention-rows';
import { address, field } from './blocks';
import { oneRow, TO_DST_16, TO_DST_32, twoRows } from './float-step';

/** Bytes of 32 float32: a row of a tile. */
const TILE_ROW_BYTES: usize = 32 << 2;

/** The unit: position p's query of head h is query row (p - firstPosition) * heads + h. */
let firstPosition: i32 = 0;
let positions: i32 = 0;
let firstHead: i32 = 0;
let heads: i32 = 0;
let queryRows: usize = 0;
/** Of one query row, padded to whole tiles. */
let rowBytes: usize = 0;
/** Tiles of keys [D, 32] and rows of values [D], of the unit's head. */
let keys: usize = 0;
let values: usize = 0;
let dstKind: i32 = TO_DST_16;
let isExact: bool = false;

/** Scratch: queries and scores in tiles [., query rows, 32], then outputs [query rows, D], then one float32 a row each. */
let queries: usize = 0;
let scores: usize = 0;
let chunkOutput: usize = 0;
let decays: usize = 0;
/** What a core holds; the first one, the reducer, takes in the others'. */
let reducer: usize = 0;
let worker: usize = 0;
/** Work area of tier exact. */
let exactWork: usize = 0;

// @ts-ignore: decorator
@inline
function maximumAt(core: usize, row: usize): usize {
  return core + queryRows * rowBytes + (row << 3);
}

// @ts-ignore: decorator
@inline
function sumAt(core: usize, row: usize): usize {
  return maximumAt(core, row) + 4;
}

export function attendUnit(unit: i32, scratch: usize, heartbeat: usize): void {
  beginUnit(unit, scratch);
  gatherQueries();
  const chunks = firstPosition / field(ATTENTION_CHUNK) + 1;
  const cores = min(chunks, field(ATTENTION_CORES));
  const chunksEach = chunks / cores;
  const rest = chunks % cores;
  for (let core = 0; core < cores; core++) {
    const fromStart = cores - 1 - core;
    const first = fromStart * chunksEach + min(rest, fromStart);
    const end = first + chunksEach + <i32>(fromStart < rest);
    for (let chunk = first; chunk < end; chunk++) {
      attendChunk(chunk, core == 0 ? reducer : worker, chunk == first);
      store<i32>(heartbeat, load<i32>(heartbeat) + 1);
    }
    if (core > 0) mergeWorker();
  }
  writeOutput();
}

function beginUnit(unit: i32, scratch: usize): void {
  const unitRows = field(ATTENTION_UNIT_ROWS);
  const unitHeads = field(ATTENTION_UNIT_HEADS);
  const keyValueHeads = field(ATTENTION_KEY_VALUE_HEADS);
  const group = field(ATTENTION_QUERY_HEADS) / keyValueHeads;
  const parts = (group + unitHeads - 1) / unitHeads;
  const keyValueHead = unit / parts % keyValueHeads;
  const firstInGroup = (unit % parts) * unitHeads;
  const block = field(ATTENTION_FIRST_POSITION) / unitRows + unit / (parts * keyValueHeads);
  const last = min((block + 1) * unitRows, field(ATTENTION_FIRST_POSITION) + field(ATTENTION_ROWS));
  firstPosition = max(block * unitRows, field(ATTENTION_FIRST_POSITION));
  positions = last - firstPosition;
  firstHead = keyValueHead * group + firstInGroup;
  heads = min(unitHeads, group - firstInGroup);
  queryRows = <usize>(positions * heads);
  rowBytes = <usize>((field(ATTENTION_HEAD_DIM) + 31) & ~31) << 2;
  const headBytes = <usize>field(ATTENTION_CAPACITY) * rowBytes * <usize>keyValueHead;
  keys = address(ATTENTION_KEYS) + headBytes;
  values = address(ATTENTION_VALUES) + headBytes;
  dstKind = field(ATTENTION_ARITHMETIC) == ARITHMETIC_FLOAT32 ? TO_DST_32 : TO_DST_16;
  isExact = field(ATTENTION_TIER) == TIER_EXACT;
  queries = scratch;
  scores = queries + queryRows * rowBytes;
  chunkOutput = scores + ((queryRows * <usize>field(ATTENTION_CHUNK)) << 2);
  reducer = chunkOutput + queryRows * rowBytes;
  worker = reducer + queryRows * (rowBytes + 8);
  decays = worker + queryRows * (rowBytes + 8);
  exactWork = decays + (queryRows << 2);
}

/** Queries from [rows, heads * D] to tiles [D / 32, query rows, 32], cut as SrcB does, zeros behind D. */
function gatherQueries(): void {
  const headDim = <usize>field(ATTENTION_HEAD_DIM);
  const width = <usize>field(ATTENTION_QUERY_HEADS) * headDim;
  const mask = field(ATTENTION_IN0_MASK);
  memory.fill(queries, 0, queryRows * rowBytes);
  let row = queries;
  for (let position = 0; position < positions; position++) {
    const jobRow = <usize>(firstPosition + position - field(ATTENTION_FIRST_POSITION));
    for (let head = 0; head < heads; head++) {
      const from = address(ATTENTION_QUERIES) + ((jobRow * width + <usize>(firstHead + head) * headDim) << 2);
      for (let d: usize = 0; d < headDim; d++) {
        const to = row + (d >> 5) * queryRows * TILE_ROW_BYTES + ((d & 31) << 2);
        store<i32>(to, load<i32>(from + (d << 2)) & mask);
      }
      row += TILE_ROW_BYTES;
    }
  }
}

/** Steps 1 to 8 for one chunk, on top of what the core holds. */
function attendChunk(chunk: i32, core: usize, isFirst: bool): void {
  const firstKey = chunk * field(ATTENTION_CHUNK);
  const tileBytes = queryRows * TILE_ROW_BYTES;
  const firstTile = <usize>firstKey >> 5;
  const chunkKeys = min(field(ATTENTION_CHUNK), firstPosition + positions - firstKey);
  const tiles = <usize>(chunkKeys + 31) >> 5;
  memory.fill(scores, 0, tiles * tileBytes);
  for (let tile: usize = 0; tile < tiles; tile++) scoreTile(firstTile + tile, scores + tile * tileBytes);

  const output = isFirst ? core : chunkOutput;
  memory.fill(output, 0, queryRows * rowBytes);
  for (let row: usize = 0; row < queryRows; row++) {
    const rowScores = scores + row * TILE_ROW_BYTES;
    const count = keysOf(row, firstKey);
    const before = load<f32>(maximumAt(core, row));
    const maximum = maximumOfScores(rowScores, tileBytes, count, isFirst ? -Infinity : before);
    const sum = weightsOfScores(rowScores, tileBytes, count, maximum, exactWork);
    store<f32>(maximumAt(core, row), maximum);
    if (isFirst) {
      store<f32>(sumAt(core, row), sum);
    } else {
      const keep = decayTo(maximum, before);
      store<f32>(decays + (row << 2), keep);
      store<f32>(sumAt(core, row), rescaledSum(load<f32>(sumAt(core, row)), keep, sum));
    }
  }
  for (let tile: usize = 0; tile < tiles; tile++) {
    combineTile(firstTile + tile, firstKey + (<i32>tile << 5), scores + tile * tileBytes, output);
  }
  if (isFirst) return;
  for (let row: usize = 0; row < queryRows; row++) {
    rescaleRow(core + row * rowBytes, load<f32>(decays + (row << 2)), chunkOutput + row * rowBytes, rowBytes);
  }
}

/** Keys from `firstKey` on that a query row may see, at most a chunk's. */
// @ts-ignore: decorator
@inline
function keysOf(row: usize, firstKey: i32): i32 {
  return min(field(ATTENTION_CHUNK), firstPosition + <i32>row / heads + 1 - firstKey);
}

/** Scores of 32 keys: over D tile by tile, each rounded on top of the last. */
function scoreTile(tile: usize, out: usize): void {
  const tileBytes = queryRows * TILE_ROW_BYTES;
  let strip = keys + (tile * rowBytes << 5);
  for (let in0 = queries; in0 < scores; in0 += tileBytes, strip += TILE_ROW_BYTES << 5) {
    if (isExact) {
      exactRows(in0, queryRows, strip, TILE_ROW_BYTES, 32, out, TILE_ROW_BYTES, field(ATTENTION_PHASES), exactWork);
    } else {
      multiplyRows(in0, strip, TILE_ROW_BYTES, out, TILE_ROW_BYTES, 32);
    }
  }
}

/** out += weights of 32 keys times their values, rounded once; of the last keys each row takes those that it may see. */
function combineTile(tile: usize, firstKey: i32, weights: usize, out: usize): void {
  const strip = values + (tile * rowBytes << 5);
  if (isExact) {
    // Weights of keys that a row may not see are zero.
    exactRows(weights, queryRows, strip, rowBytes, rowBytes >> 2, out, rowBytes, field(ATTENTION_PHASES), exactWork);
    return;
  }
  if (firstKey + 31 <= firstPosition) {
    multiplyRows(weights, strip, rowBytes, out, rowBytes, rowBytes >> 2);
    return;
  }
  for (let row: usize = 0; row < queryRows; row++) {
    const depth = min(32, keysOf(row, firstKey));
    for (let column: usize = 0; column < rowBytes; column += TILE_ROW_BYTES) {
      const in0 = weights + row * TILE_ROW_BYTES;
      oneRow(in0, <usize>depth, strip + column, rowBytes, out + row * rowBytes + column, dstKind, false);
    }
  }
}

/** out += in0 [query rows, 32] @ strip [32, columns], rounded once. */
function multiplyRows(in0: usize, strip: usize, stripRow: usize, out: usize, outRow: usize, columns: usize): void {
  const columnBytes = columns << 2;
  let row: usize = 0;
  for (; row + 2 <= queryRows; row += 2) {
    for (let column: usize = 0; column < columnBytes; column += 64) {
      twoRows(in0 + row * TILE_ROW_BYTES, strip + column, stripRow, out + row * outRow + column, outRow, dstKind, false);
    }
  }
  if (row == queryRows) return;
  for (let column: usize = 0; column < columnBytes; column += TILE_ROW_BYTES) {
    oneRow(in0 + row * TILE_ROW_BYTES, 32, strip + column, stripRow, out + row * outRow + column, dstKind, false);
  }
}

/** The reducer takes in the worker: both sides are rescaled, the winning one by exp(0) too. */
function mergeWorker(): void {
  for (let row: usize = 0; row < queryRows; row++) {
    const into = load<f32>(maximumAt(reducer, row));
    const from = load<f32>(maximumAt(worker, row));
    const maximum = max(into, from);
    const keep = decayTo(maximum, into);
    const take = decayTo(maximum, from);
    const taken = rescaled(load<f32>(sumAt(worker, row)), take);
    store<f32>(sumAt(reducer, row), rescaledSum(load<f32>(sumAt(reducer, row)), keep, taken));
    mergeRow(reducer + row * rowBytes, keep, worker + row * rowBytes, take, rowBytes);
    store<f32>(maximumAt(reducer, row), maximum);
  }
}

/** Divides by the sums and writes [rows, heads * D]. */
function writeOutput(): void {
  const headBytes = <usize>field(ATTENTION_HEAD_DIM) << 2;
  const width = <usize>field(ATTENTION_QUERY_HEADS) * headBytes;
  for (let row: usize = 0; row < queryRows; row++) {
    const position = firstPosition + <i32>row / heads - field(ATTENTION_FIRST_POSITION);
    const head = firstHead + <i32>row % heads;
    divideRow(reducer + row * rowBytes, load<f32>(sumAt(reducer, row)), rowBytes);
    const out = address(ATTENTION_OUT) + <usize>position * width + <usize>head * headBytes;
    memory.copy(out, reducer + row * rowBytes, headBytes);
  }
}
