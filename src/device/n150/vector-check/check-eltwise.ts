// Checks element-wise ops, type casts and cache updates recorded from ttnn 0.81.1.
// Source: fixtures/vectors/ttnn-0.81.1/README.md, n150-numerics B.5, A.4 and section I.

import { TILE_SIDE } from '../../../tensor/tile-layout.ts';
import { packMatrix, unpackMatrix } from '../../wormhole/host-packing.ts';
import { addRows, mulRowsNearestEven, subRows } from '../../wormhole/matrix-unit/eltwise-rows.ts';
import { packRowsToBlockFloat } from '../../wormhole/packer.ts';
import { type Comparison, compareValues, createComparison } from './comparison.ts';
import type { VectorFile } from './vector-file.ts';
import { readVectorTensors } from './vector-tensors.ts';

const DST16 = { fp32DestAcc: false };

type EltwiseOp = 'add' | 'sub' | 'mul';

const ELTWISE_OPS: Readonly<Record<EltwiseOp, (a: Float32Array, b: Float32Array) => Float32Array>> = {
  add: (a, b) => addRows(a, b, DST16),
  sub: (a, b) => subRows(a, b, DST16),
  mul: mulRowsNearestEven,
};

/** eltwise-<op>.safetensors: bf16 in and out. */
export function checkEltwise(file: VectorFile, op: EltwiseOp): Comparison {
  const tensors = readVectorTensors(file);
  const comparison = createComparison('equal bits');
  const actual = ELTWISE_OPS[op](tensors.get('a').values, tensors.get('b').values);
  compareValues(comparison, 'out', actual, tensors.get('out').values);
  return comparison;
}

/** add-bf16-<format>-out<format>.safetensors: ELWADD, packed with double rounding if the output is BFP8_B. */
export function checkAdd(file: VectorFile, output: 'bf16' | 'bfp8'): Comparison {
  const tensors = readVectorTensors(file);
  const comparison = createComparison('equal bits');
  const actual = addRows(tensors.get('a').values, tensors.get('b_q').values, DST16);
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

/** kv-fill-cache-*: the first positions of every head are overwritten by an input cast beforehand. */
export function checkFillCache(file: VectorFile, format: 'bf16' | 'bfp8'): Comparison {
  const tensors = readVectorTensors(file);
  const input = tensors.get('x');
  const cast = input.values.slice();
  if (format === 'bfp8') packRowsToBlockFloat(cast, { format: 'BFP8_B', doubleRound: false });
  const before = tensors.get('cache_before');
  const [heads, positions, headDim] = lastThree(before.shape);
  const [, inputPositions] = lastThree(input.shape);
  const cache = before.values.slice();
  for (let head = 0; head < heads; head++) {
    const start = head * inputPositions * headDim;
    cache.set(cast.subarray(start, start + inputPositions * headDim), head * positions * headDim);
  }
  const comparison = createComparison('equal bits');
  compareValues(comparison, 'cache_after', cache, tensors.get('cache_after').values);
  return comparison;
}

/**
 * kv-update-cache-*, paged-update-cache-*: row 0 of each head's input replaces one position; the 32 rows of its tile
 * are packed anew, with double rounding.
 */
export function checkUpdateCache(file: VectorFile, format: 'bf16' | 'bfp8'): Comparison {
  const tensors = readVectorTensors(file);
  const position = tensors.configNumber('update_idxs' in tensors.config ? 'update_idxs' : 'update_idx');
  const input = tensors.get('x');
  const before = tensors.get('cache_before');
  const [heads, positions, headDim] = lastThree(before.shape);
  const [, inputRows] = lastThree(input.shape);
  const cache = before.values.slice();
  for (let head = 0; head < heads; head++) {
    const inputStart = head * inputRows * headDim;
    const headStart = head * positions * headDim;
    cache.set(input.values.subarray(inputStart, inputStart + headDim), headStart + position * headDim);
    const tileStart = headStart + (position - (position % TILE_SIDE)) * headDim;
    const tileRows = cache.subarray(tileStart, tileStart + TILE_SIDE * headDim);
    if (format === 'bfp8') packRowsToBlockFloat(tileRows, { format: 'BFP8_B', doubleRound: true });
  }
  const comparison = createComparison('equal bits');
  compareValues(comparison, 'cache_after', cache, tensors.get('cache_after').values);
  return comparison;
}

function lastThree(shape: readonly number[]): [number, number, number] {
  const [a = 1, b = 1, c = 1] = shape.slice(-3);
  return [a, b, c];
}
