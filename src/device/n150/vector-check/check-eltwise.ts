// Checks element-wise ops, type casts and cache updates recorded from ttnn 0.81.1.
// Source: fixtures/vectors/ttnn-0.81.1/README.md, n150-numerics B.5, A.4 and section I.

import { packMatrix, unpackMatrix } from '../../wormhole/host-packing.ts';
import { packRowsToBlockFloat } from '../../wormhole/packer.ts';
import type { N150Config } from '../compute-config.ts';
import { createKvCache } from '../kv-cache.ts';
import { type BinaryOp, createAdd, createSubtract, multiplyOnVectorUnit } from '../ops/eltwise.ts';
import { type Comparison, compareValues, createComparison } from './comparison.ts';
import { recordedConfig } from './recorded-config.ts';
import type { VectorFile } from './vector-file.ts';
import { readVectorTensors, type VectorTensor, type VectorTensors } from './vector-tensors.ts';

type EltwiseOp = 'add' | 'sub' | 'mul';

const CONFIG = recordedConfig();
const ELTWISE_OPS: Readonly<Record<EltwiseOp, BinaryOp>> = {
  add: createAdd(CONFIG),
  sub: createSubtract(CONFIG),
  mul: multiplyOnVectorUnit,
};

/** Both operands have the same shape. */
function combine(op: EltwiseOp, a: Float32Array, b: Float32Array): Float32Array {
  const combined = ELTWISE_OPS[op];
  return a.map((value, i) => combined(value, b[i]!));
}

/** eltwise-<op>.safetensors: bf16 in and out. */
export function checkEltwise(file: VectorFile, op: EltwiseOp): Comparison {
  const tensors = readVectorTensors(file);
  const comparison = createComparison('equal bits');
  const actual = combine(op, tensors.get('a').values, tensors.get('b').values);
  compareValues(comparison, 'out', actual, tensors.get('out').values);
  return comparison;
}

/** add-bf16-<format>-out<format>.safetensors: ELWADD, packed with double rounding if the output is BFP8_B. */
export function checkAdd(file: VectorFile, output: 'bf16' | 'bfp8'): Comparison {
  const tensors = readVectorTensors(file);
  const comparison = createComparison('equal bits');
  const actual = combine('add', tensors.get('a').values, tensors.get('b_q').values);
  if (output === 'bfp8') packRowsToBlockFloat(actual, { format: 'BFP8_B', doubleRound: true });
  compareValues(comparison, 'out', actual, tensors.get('out').values);
  return comparison;
}

/** typecast-bf16-<format>.safetensors: the device's cast, and the host's packing of the same values. */
export function checkTypecast(file: VectorFile, format: 'BFP8_B' | 'BFP4_B'): Comparison {
  const tensors = readVectorTensors(file);
  const comparison = createComparison('equal bits');
  const { values, shape } = tensors.get('x');
  const cast = values.slice();
  packRowsToBlockFloat(cast, { format, doubleRound: format === 'BFP4_B' });
  compareValues(comparison, 'out', cast, tensors.get('out').values);
  const columns = shape.at(-1)!;
  const packed = packMatrix(values, values.length / columns, columns, { format, rounding: 'nearestEven' });
  compareValues(comparison, 'host_pack', unpackMatrix(packed), tensors.get('host_pack').values);
  return comparison;
}

/** kv-fill-cache-*: the first positions of every head are overwritten by an input that was cast beforehand, rounded once. */
export function checkFillCache(file: VectorFile, kvFormat: KvFormat): Comparison {
  const tensors = readVectorTensors(file);
  const input = tensors.get('x');
  const [, inputPositions] = lastThree(input.shape);
  const rows = Array.from({ length: inputPositions }, (_, position) => rowOf(input, position));
  return compareCache(tensors, rows, 0, recordedConfig({ kvFormat, bfp8PackDoubleRound: false }));
}

/** kv-update-cache-*, paged-update-cache-*: row 0 of each head's input replaces one position, packed with double rounding. */
export function checkUpdateCache(file: VectorFile, kvFormat: KvFormat): Comparison {
  const tensors = readVectorTensors(file);
  const position = tensors.configNumber('update_idxs' in tensors.config ? 'update_idxs' : 'update_idx');
  return compareCache(tensors, [rowOf(tensors.get('x'), 0)], position, recordedConfig({ kvFormat }));
}

type KvFormat = 'BF16' | 'BFP8_B';

/** The graph's cache, filled with what was there before and then with `rows` from a position on; its packing keeps packed values. */
function compareCache(
  tensors: VectorTensors,
  rows: readonly Float32Array[],
  firstPosition: number,
  config: N150Config,
): Comparison {
  const before = tensors.get('cache_before');
  const [heads, positions, headDim] = lastThree(before.shape);
  const cache = createKvCache(heads, headDim, config);
  for (let position = 0; position < positions; position++) {
    const row = rows[position - firstPosition] ?? rowOf(before, position);
    cache.write(position, row, 0, row, 0);
  }
  const golden = tensors.get('cache_after').values;
  const actual = new Float32Array(golden.length);
  const headLength = positions * headDim;
  cache.heads.forEach(({ keys }, head) => {
    actual.set(keys.subarray(0, headLength), head * headLength);
  });
  const comparison = createComparison('equal bits');
  compareValues(comparison, 'cache_after', actual, golden);
  return comparison;
}

/** [heads * D] of one position of [.., heads, positions, D]. */
function rowOf({ values, shape }: VectorTensor, position: number): Float32Array {
  const [heads, positions, headDim] = lastThree(shape);
  const row = new Float32Array(heads * headDim);
  for (let head = 0; head < heads; head++) {
    const start = (head * positions + position) * headDim;
    row.set(values.subarray(start, start + headDim), head * headDim);
  }
  return row;
}

function lastThree(shape: readonly number[]): [number, number, number] {
  const [a = 1, b = 1, c = 1] = shape.slice(-3);
  return [a, b, c];
}
