// The K loop of one unit of work: blocks of K tiles, partial sums between them, the packed output.
// Twin of runKBlocks in matmul-blocks.ts, for 128 rows by 64 columns at a time.
import {
  BLOCK_ROWS, FORMAT_BF16, FORMAT_BFP8, FORMAT_FP32, JOB_DOUBLE_ROUND, JOB_IN0, JOB_IN0_BLOCK_W, JOB_IN0_EXPONENTS, JOB_IN0_HIGH,
  JOB_IN0_LOW, JOB_IN0_RANGE, JOB_IN0_RANGES, JOB_INTERMEDIATE, JOB_IS_DST_32, JOB_L1_ACC,
  JOB_N, JOB_OUT, JOB_OUTPUT_FORMAT, JOB_PHASES, JOB_ROWS, JOB_START, JOB_TIER, JOB_TILES_K, JOB_TILES_N, JOB_WEIGHTS,
  JOB_WEIGHT_FORMAT, JOB_WEIGHT_MASK, PANEL_COLUMNS, TIER_EXACT, TIER_FLOAT,
} from '../job-layout';
import { roundToBf16TiesEven } from './bf16';
import { splitWeights } from './exact-operands';
import { exactScalarRow } from './exact-scalar';
import { exactRow, isDstSafe, isSafe } from './exact-step';
import { EMPTY_MAXIMUM, EMPTY_MINIMUM, rangeOfFields, unionOf } from './exponent-range';
import { floatStep, TO_DST_16, TO_DST_32, TO_L1 } from './float-step';
import { areProductsExact } from './multiply-add';
import { isUsualRange, keepsBfp8, oneRowStep } from './one-row-step';
import { packPanel } from './pack';
import { tileBytes, unpackTile } from './unpack';

const STRIP_BYTES: usize = 32 * PANEL_COLUMNS * 4;
const PANEL_BYTES: usize = BLOCK_ROWS * PANEL_COLUMNS * 4;

// @ts-ignore: decorator
@inline
export function field(offset: usize): i32 {
  return load<i32>(<usize>JOB_START + offset);
}

// @ts-ignore: decorator
@inline
export function address(offset: usize): usize {
  return <usize>load<u32>(<usize>JOB_START + offset);
}

function accumulateInL1(partial: usize, dst: usize, bytes: usize, isFp32: bool): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const sum = f32x4.add(v128.load(partial + i), v128.load(dst + i));
    v128.store(partial + i, isFp32 ? sum : roundToBf16TiesEven(sum));
  }
}

/**
 * Unpacks the tiles of K tile `tileK` that this panel covers; a missing second tile is left as it is and not read.
 *
 * @returns range of the exponent fields of what is not zero, or a wider one.
 */
function unpackStrip(tileK: i32, firstTile: i32, tiles: i32, strip: usize): i32 {
  const format = field(JOB_WEIGHT_FORMAT);
  const keep = field(JOB_WEIGHT_MASK);
  const size = tileBytes(format);
  const first = address(JOB_WEIGHTS) + (<usize>tileK * <usize>field(JOB_TILES_N) + <usize>firstTile) * size;
  let range = rangeOfFields(EMPTY_MINIMUM, EMPTY_MAXIMUM);
  for (let tile: usize = 0; tile < <usize>tiles; tile++) {
    range = unionOf(range, unpackTile(first + tile * size, format, keep, strip, tile << 5));
  }
  return range;
}

/** Scratch of one share, by byte offset: strips of weights, then Dst and partial sums, then a flag per row. */
const HIGH_START: usize = STRIP_BYTES;
const LOW_START: usize = 2 * STRIP_BYTES;
const EXPONENTS_START: usize = 3 * STRIP_BYTES;
const DST_START: usize = EXPONENTS_START + STRIP_BYTES / 2;
const PARTIAL_START: usize = DST_START + PANEL_BYTES;
const IS_SCALAR_START: usize = PARTIAL_START + PANEL_BYTES;

/** One K tile of tier exact: by vectors where exponents allow it, else element by element. Both give the same bits. */
function exactStep(scratch: usize, group: usize, rows: i32, columns: i32, isDst32: bool): void {
  const phases = field(JOB_PHASES);
  const in0 = address(JOB_IN0) + (group << 7);
  const high = address(JOB_IN0_HIGH) + (group << 7);
  const low = address(JOB_IN0_LOW) + (group << 7);
  const exponents = address(JOB_IN0_EXPONENTS) + (group << 6);
  const ranges = address(JOB_IN0_RANGES) + (group << 2);
  const weightRange = splitWeights(
    scratch, scratch + HIGH_START, scratch + LOW_START, scratch + EXPONENTS_START, columns,
  );
  for (let row: usize = 0; row < <usize>rows; row++) {
    const dstRow = scratch + DST_START + ((row * PANEL_COLUMNS) << 2);
    const isScalar = scratch + IS_SCALAR_START + row;
    if (
      isSafe(weightRange, load<i32>(ranges + (row << 2)), phases) &&
      (load<u8>(isScalar) == 0 || isDstSafe(dstRow, columns))
    ) {
      exactRow(
        high + (row << 7), low + (row << 7), exponents + (row << 6),
        scratch + HIGH_START, scratch + LOW_START, scratch + EXPONENTS_START,
        dstRow, columns, phases, isDst32,
      );
    } else {
      exactScalarRow(in0 + (row << 7), scratch, dstRow, columns, phases, isDst32);
      store<u8>(isScalar, 1);
    }
  }
}

/**
 * @param target - of the float tiers: Dst or partial sums. @param kind - which of them.
 * @param range - of the strip's exponent fields.
 */
function step(
  tileK: i32, firstRow: i32, rows: i32, columns: i32, scratch: usize, target: usize, kind: i32, range: i32,
): void {
  const group = <usize>tileK * <usize>field(JOB_ROWS) + <usize>firstRow;
  if (field(JOB_TIER) == TIER_EXACT) {
    exactStep(scratch, group, rows, columns, kind == TO_DST_32);
    return;
  }
  const isFused = areProductsExact(field(JOB_IN0_RANGE), range);
  floatStep(address(JOB_IN0) + (group << 7), scratch, target, rows, columns, kind, isFused);
}

/** One K tile of one row straight from the packed tiles; for more rows, unpacking once for all of them is cheaper. */
function oneRow(tileK: i32, firstTile: i32, tiles: i32, scratch: usize, target: usize, kind: i32): void {
  const range = field(JOB_IN0_RANGE);
  const in0 = address(JOB_IN0) + (<usize>tileK << 7);
  const size = tileBytes(FORMAT_BFP8);
  const first = address(JOB_WEIGHTS) + (<usize>tileK * <usize>field(JOB_TILES_N) + <usize>firstTile) * size;
  for (let tile: usize = 0; tile < <usize>tiles; tile++) {
    oneRowStep(in0, range, first + tile * size, target + (tile << 7), kind, scratch);
  }
}

/** Rows [firstRow, firstRow + rows) of columns [64 * panel, ...) from the first K tile to the packed output. */
export function computeUnit(panel: i32, firstRow: i32, rows: i32, scratch: usize, heartbeat: usize): void {
  const dst = scratch + DST_START;
  const partial = scratch + PARTIAL_START;
  const firstTile = panel * (PANEL_COLUMNS / 32);
  const tiles = min(PANEL_COLUMNS / 32, field(JOB_TILES_N) - firstTile);
  const columns = tiles << 5;
  const bytes = (<usize>rows * PANEL_COLUMNS) << 2;
  const tilesK = field(JOB_TILES_K);
  const in0BlockW = field(JOB_IN0_BLOCK_W);
  const hasL1Acc = field(JOB_L1_ACC) != 0;
  const isDst32 = field(JOB_IS_DST_32) != 0;
  const intermediate = field(JOB_INTERMEDIATE);
  const doubleRound = field(JOB_DOUBLE_ROUND) != 0;
  const dstKind = isDst32 ? TO_DST_32 : TO_DST_16;
  // Between the first block and the last, one tile's sums may go to L1 without a stop in Dst.
  const skipsDst =
    field(JOB_TIER) == TIER_FLOAT && in0BlockW == 1 && hasL1Acc && !isDst32 && intermediate == FORMAT_BF16;
  const isOneRow =
    field(JOB_ROWS) == 1 &&
    field(JOB_TIER) == TIER_FLOAT &&
    field(JOB_WEIGHT_FORMAT) == FORMAT_BFP8 &&
    isUsualRange(field(JOB_IN0_RANGE)) &&
    keepsBfp8(field(JOB_WEIGHT_MASK));

  memory.fill(scratch + IS_SCALAR_START, 0, BLOCK_ROWS);

  for (let blockStart = 0; blockStart < tilesK; blockStart += in0BlockW) {
    const blockEnd = min(blockStart + in0BlockW, tilesK);
    const isFirst = blockStart == 0;
    const isLast = blockEnd == tilesK;
    const goesToL1 = skipsDst && !isFirst && !isLast;
    const target = goesToL1 ? partial : dst;
    const kind = goesToL1 ? TO_L1 : dstKind;
    if (!isFirst && (isLast || !hasL1Acc)) memory.copy(dst, partial, bytes);
    else if (!goesToL1) memory.fill(dst, 0, bytes);
    for (let tileK = blockStart; tileK < blockEnd; tileK++) {
      if (isOneRow) {
        oneRow(tileK, firstTile, tiles, scratch, target, kind);
      } else {
        const range = unpackStrip(tileK, firstTile, tiles, scratch);
        step(tileK, firstRow, rows, columns, scratch, target, kind, range);
      }
      store<i32>(heartbeat, load<i32>(heartbeat) + 1);
    }
    if (isLast) break;
    if (goesToL1) continue;
    packPanel(dst, rows, intermediate, isDst32, doubleRound);
    if (isFirst || !hasL1Acc) memory.copy(partial, dst, bytes);
    else accumulateInL1(partial, dst, bytes, intermediate == FORMAT_FP32);
  }
  packPanel(dst, rows, field(JOB_OUTPUT_FORMAT), isDst32, doubleRound);

  const n = field(JOB_N);
  const firstColumn = panel * PANEL_COLUMNS;
  const width = <usize>min(PANEL_COLUMNS, n - firstColumn) << 2;
  let out = address(JOB_OUT) + ((<usize>firstRow * <usize>n + <usize>firstColumn) << 2);
  for (let row: usize = 0; row < <usize>rows; row++) {
    memory.copy(out, dst + ((row * PANEL_COLUMNS) << 2), width);
    out += <usize>n << 2;
  }
}
