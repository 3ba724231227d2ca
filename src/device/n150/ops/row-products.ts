// The matmuls of attention for one row: a row times the columns of a tile-aligned operand, K tiles in one Dst.
// Source: n150-numerics B.3, B.4, B.6 (no L1 accumulation: all updates stay in Dst), B.7 for tier fast.
// Exactness: bit-exact in tier exact; tier fast rounds once per K tile; tier fp32 not at all.
import { bf16FromFloat32Bits } from '../../../numerics/bf16.ts';
import { bitsOf } from '../../../numerics/float-bits.ts';
import { TILE_SIDE } from '../../../tensor/tile-layout.ts';
import { PHASE_COUNT } from '../../wormhole/fidelity.ts';
import type { MathFidelity } from '../../wormhole/matmul-engine.ts';
import { FAST_OPERAND_MASKS } from '../../wormhole/matrix-unit/matmul-fast.ts';
import { MVMUL_LANES, mvmul } from '../../wormhole/matrix-unit/mvmul.ts';
import { packFloat32RowToBf16 } from '../../wormhole/packer.ts';
import type { N150Config } from '../compute-config.ts';

/** Where a matrix operand lies: element (i, j) at `start + i * stride + j`. */
export interface StridedRows {
  readonly values: Float32Array;
  readonly start: number;
  readonly stride: number;
}

export interface RowProducts {
  /**
   * out[j] = row · rows_j for j < count: K runs along each of the rows (keys: K is the head dimension).
   *
   * @param row - [depth] BF16 values from `rowStart`; stands in SrcB.
   * @param rows - [count, depth] BF16 values; SrcA.
   */
  dotEach(
    row: Float32Array,
    rowStart: number,
    depth: number,
    rows: StridedRows,
    count: number,
    out: Float32Array,
  ): void;
  /**
   * out[j] = sum over i of row[i] * rows[i][j] for j < width: K runs across the rows (values: K is the position).
   *
   * @param row - [depth] BF16 values; SrcB.
   * @param rows - [depth, width] BF16 values; SrcA.
   */
  combine(row: Float32Array, depth: number, rows: StridedRows, width: number, out: Float32Array): void;
}

/** @returns both products in the configuration's tier; BF16 (float32 in tier fp32), whatever Dst's width. */
export function createRowProducts(
  config: Pick<N150Config, 'tier'>,
  fidelity: MathFidelity,
  fp32DestAcc = false,
): RowProducts {
  const products =
    config.tier === 'exact' ? exactProducts(fidelity, fp32DestAcc) : floatProducts(config, fidelity, fp32DestAcc);
  return fp32DestAcc && config.tier !== 'fp32' ? packed(products) : products;
}

/** A 32-bit Dst leaves through the packer: nearest, ties away. */
function packed({ dotEach, combine }: RowProducts): RowProducts {
  return {
    dotEach(row, rowStart, depth, rows, count, out): void {
      dotEach(row, rowStart, depth, rows, count, out);
      packFloat32RowToBf16(out.subarray(0, count));
    },
    combine(row, depth, rows, width, out): void {
      combine(row, depth, rows, width, out);
      packFloat32RowToBf16(out.subarray(0, width));
    },
  };
}

/** Longest row that attention multiplies: a chunk of keys or a head. */
const LONGEST_ROW = 4096;

/** Keys that are worked on together, each with its own sum: four independent chains of additions. */
const KEYS_AT_ONCE = 4;

function floatProducts(config: Pick<N150Config, 'tier'>, fidelity: MathFidelity, fp32DestAcc: boolean): RowProducts {
  const cuts = config.tier !== 'fp32';
  const rounds = cuts && !fp32DestAcc;
  const masks = FAST_OPERAND_MASKS[fidelity];
  const rowMask = cuts ? masks.in0 << 16 : -1;
  const cutsRows = cuts && masks.in1 !== 0xffff;
  const cell = new Float32Array(1);
  const cellBits = bitsOf(cell);
  const cutRow = new Float32Array(LONGEST_ROW);
  const sums = new Float32Array(LONGEST_ROW);

  const addToDst = (dst: number, sum: number): number => {
    cell[0] = dst + sum;
    if (rounds) cellBits[0] = bf16FromFloat32Bits(cellBits[0]!) << 16;
    return cell[0]!;
  };
  /** The operand as SrcA sees it: in LoFi a copy with fewer bits, else itself. */
  const asSrcA = (rows: StridedRows, count: number, length: number): StridedRows => {
    if (!cutsRows) return rows;
    const values = new Float32Array(count * length);
    for (let i = 0; i < count; i++) {
      const row = values.subarray(i * length, (i + 1) * length);
      copyMasked(rows.values, rows.start + i * rows.stride, length, masks.in1 << 16, row);
    }
    return { values, start: 0, stride: length };
  };

  return {
    dotEach(row, rowStart, depth, rows, count, out): void {
      copyMasked(row, rowStart, depth, rowMask, cutRow);
      const { values, start, stride } = asSrcA(rows, count, depth);
      out.fill(0, 0, count);
      for (let tile = 0; tile < depth; tile += TILE_SIDE) {
        const end = Math.min(tile + TILE_SIDE, depth);
        let j = 0;
        for (; j + KEYS_AT_ONCE <= count; j += KEYS_AT_ONCE) {
          const first = start + j * stride;
          sumFourKeys(cutRow, tile, end, values, first, stride, sums);
          for (let key = 0; key < KEYS_AT_ONCE; key++) out[j + key] = addToDst(out[j + key]!, sums[key]!);
        }
        for (; j < count; j++) {
          const first = start + j * stride;
          let sum = 0;
          for (let i = tile; i < end; i++) sum = Math.fround(sum + Math.fround(cutRow[i]! * values[first + i]!));
          out[j] = addToDst(out[j]!, sum);
        }
      }
    },
    combine(row, depth, rows, width, out): void {
      copyMasked(row, 0, depth, rowMask, cutRow);
      const { values, start, stride } = asSrcA(rows, depth, width);
      out.fill(0, 0, width);
      for (let tile = 0; tile < depth; tile += TILE_SIDE) {
        const end = Math.min(tile + TILE_SIDE, depth);
        sums.fill(0, 0, width);
        let i = tile;
        for (; i + KEYS_AT_ONCE <= end; i += KEYS_AT_ONCE) {
          addFourRows(cutRow, i, values, start + i * stride, stride, width, sums);
        }
        for (; i < end; i++) {
          const weight = cutRow[i]!;
          const first = start + i * stride;
          for (let j = 0; j < width; j++) sums[j] = sums[j]! + Math.fround(weight * values[first + j]!);
        }
        for (let j = 0; j < width; j++) out[j] = addToDst(out[j]!, sums[j]!);
      }
    },
  };
}

/** sums[0 … 3] = row[from … to) times each of four rows of `values`, every sum with i ascending. */
function sumFourKeys(
  row: Float32Array,
  from: number,
  to: number,
  values: Float32Array,
  first: number,
  stride: number,
  sums: Float32Array,
): void {
  const second = first + stride;
  const third = second + stride;
  const fourth = third + stride;
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  for (let i = from; i < to; i++) {
    const factor = row[i]!;
    sum0 = Math.fround(sum0 + Math.fround(factor * values[first + i]!));
    sum1 = Math.fround(sum1 + Math.fround(factor * values[second + i]!));
    sum2 = Math.fround(sum2 + Math.fround(factor * values[third + i]!));
    sum3 = Math.fround(sum3 + Math.fround(factor * values[fourth + i]!));
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

/** sums[j] += four weighted rows, one after the other, each addition rounded. */
function addFourRows(
  weights: Float32Array,
  i: number,
  values: Float32Array,
  first: number,
  stride: number,
  width: number,
  sums: Float32Array,
): void {
  const second = first + stride;
  const third = second + stride;
  const fourth = third + stride;
  const weight0 = weights[i]!;
  const weight1 = weights[i + 1]!;
  const weight2 = weights[i + 2]!;
  const weight3 = weights[i + 3]!;
  for (let j = 0; j < width; j++) {
    let sum = Math.fround(sums[j]! + Math.fround(weight0 * values[first + j]!));
    sum = Math.fround(sum + Math.fround(weight1 * values[second + j]!));
    sum = Math.fround(sum + Math.fround(weight2 * values[third + j]!));
    sums[j] = Math.fround(sum + Math.fround(weight3 * values[fourth + j]!));
  }
}

/** Copies float32 values with only the bits of `mask`. */
function copyMasked(from: Float32Array, start: number, count: number, mask: number, to: Float32Array): void {
  const toBits = bitsOf(to);
  for (let i = 0; i < count; i++) {
    to[i] = from[start + i]!;
    toBits[i] = toBits[i]! & mask;
  }
}

/** Options of each phase for both widths of Dst, made once. */
const PHASES = [false, true].map((fp32DestAcc) => [0, 1, 2, 3].map((phase) => ({ phase, fp32DestAcc })));

function exactProducts(fidelity: MathFidelity, fp32DestAcc: boolean): RowProducts {
  const phases = PHASES[Number(fp32DestAcc)]!.slice(0, PHASE_COUNT[fidelity]);
  // One tile of each operand, as the two 16-lane halves that MVMUL takes.
  const srcA = [new Uint32Array(MVMUL_LANES), new Uint32Array(MVMUL_LANES)] as const;
  const srcB = [new Uint32Array(MVMUL_LANES), new Uint32Array(MVMUL_LANES)] as const;
  const cell = new Float32Array(1);
  const cellBits = bitsOf(cell);

  const loadLanes = (
    lanes: readonly [Uint32Array, Uint32Array],
    values: Float32Array,
    start: number,
    step: number,
    count: number,
  ): void => {
    for (let lane = 0; lane < TILE_SIDE; lane++) {
      cell[0] = lane < count ? values[start + lane * step]! : 0;
      lanes[lane >> 4]![lane & 15] = cellBits[0]!;
    }
  };
  const addTile = (dstBits: number): number => {
    let dst = dstBits;
    for (const phase of phases) {
      dst = mvmul(srcA[0], srcB[0], dst, phase);
      dst = mvmul(srcA[1], srcB[1], dst, phase);
    }
    return dst;
  };

  const outputBitsOf = (out: Float32Array): Int32Array => new Int32Array(out.buffer, out.byteOffset, out.length);
  return {
    dotEach(row, rowStart, depth, { values, start, stride }, count, out): void {
      const outBits = outputBitsOf(out);
      outBits.fill(0, 0, count);
      for (let tile = 0; tile < depth; tile += TILE_SIDE) {
        const lanes = Math.min(TILE_SIDE, depth - tile);
        loadLanes(srcB, row, rowStart + tile, 1, lanes);
        for (let j = 0; j < count; j++) {
          loadLanes(srcA, values, start + j * stride + tile, 1, lanes);
          outBits[j] = addTile(outBits[j]!);
        }
      }
    },
    combine(row, depth, { values, start, stride }, width, out): void {
      const outBits = outputBitsOf(out);
      outBits.fill(0, 0, width);
      for (let tile = 0; tile < depth; tile += TILE_SIDE) {
        const lanes = Math.min(TILE_SIDE, depth - tile);
        loadLanes(srcB, row, tile, 1, lanes);
        for (let j = 0; j < width; j++) {
          loadLanes(srcA, values, start + tile * stride + j, stride, lanes);
          outBits[j] = addTile(outBits[j]!);
        }
      }
    },
  };
}
