// Seeded values for benchmarks: uniform in -1 … 1, as float32, as bfloat16 or packed for the device.
import { packMatrix } from '../../src/device/wormhole/host-packing.ts';
import type { PackedMatrix, WeightFormat } from '../../src/device/wormhole/matmul-engine.ts';

/** `seed` must not be 0. */
export function uniformValues(length: number, seed: number): Float32Array {
  let state = seed | 0;
  return Float32Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  });
}

/** Uniform values cut to bfloat16. */
export function bf16Values(length: number, seed: number): Float32Array {
  const values = uniformValues(length, seed);
  const bits = new Uint32Array(values.buffer);
  for (let i = 0; i < length; i++) bits[i] = bits[i]! & 0xffff_0000;
  return values;
}

export function packedWeights(k: number, n: number, format: WeightFormat): PackedMatrix {
  return packMatrix(uniformValues(k * n, 3), k, n, { format, rounding: 'halfUp' });
}
