// Attention's and RoPE's products for one row against the matmul engine's definition: the same bits, one K block in Dst.
import { describe, expect, it } from 'vitest';
import { roundToBf16TiesEven } from '../../../numerics/bf16.ts';
import { packMatrix } from '../../wormhole/host-packing.ts';
import type { MathFidelity, MatmulOptions, MatmulTier } from '../../wormhole/matmul-engine.ts';
import { createPlainMatmulEngine } from '../../wormhole/matrix-unit/matmul.ts';
import { parseDeviceOptions } from '../device-options.ts';
import { createRotate } from './rotary.ts';
import { createRowProducts } from './row-products.ts';

const CASES = [
  { tier: 'exact', fidelity: 'HiFi2', dst: 16 },
  { tier: 'exact', fidelity: 'LoFi', dst: 16 },
  { tier: 'exact', fidelity: 'HiFi4', dst: 16 },
  { tier: 'exact', fidelity: 'HiFi4', dst: 32 },
  { tier: 'fast', fidelity: 'HiFi2', dst: 16 },
  { tier: 'fast', fidelity: 'LoFi', dst: 16 },
] as const;

/** Seeded BF16 values of mixed magnitude. */
function randomBf16(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return roundToBf16TiesEven(Math.fround((state / 2 ** 31 - 1) * 2 ** ((state >>> 3) % 6)));
  });
}

/** row [K] times matrix [K, N] by the plain engine, all of K in one Dst. */
function byEngine(
  row: Float32Array,
  matrix: Float32Array,
  n: number,
  tier: MatmulTier,
  mathFidelity: MathFidelity,
  fp32DestAcc = false,
): Float32Array {
  const engine = createPlainMatmulEngine();
  const options: MatmulOptions = {
    tier,
    mathFidelity,
    fp32DestAcc,
    packerL1Acc: false,
    in0BlockW: 64,
    intermediateFormat: fp32DestAcc ? 'FP32' : 'BF16',
    outputFormat: 'BF16',
    bfp8PackDoubleRound: true,
  };
  const packed = packMatrix(matrix, row.length, n, { format: 'BF16', rounding: 'halfUp' });
  return engine.matmul(row, 1, engine.load(packed), options);
}

describe('row products', () => {
  it.each(CASES)(
    'multiply a row by keys as the engine does ($tier, $fidelity, $dst-bit Dst)',
    ({ tier, fidelity, dst }) => {
      const [headDim, keys] = [80, 29];
      const row = randomBf16(headDim, 11);
      const cache = randomBf16(keys * headDim, 12);
      const transposed = new Float32Array(headDim * keys);
      for (let key = 0; key < keys; key++) {
        for (let d = 0; d < headDim; d++) transposed[d * keys + key] = cache[key * headDim + d]!;
      }
      const out = new Float32Array(keys);
      const products = createRowProducts(parseDeviceOptions(`tier=${tier}`), fidelity, dst === 32);
      products.dotEach(row, 0, headDim, { values: cache, start: 0, stride: headDim }, keys, out);
      expect(out).toEqual(byEngine(row, transposed, keys, tier, fidelity, dst === 32));
    },
  );

  it.each(CASES)(
    'combine values by weights as the engine does ($tier, $fidelity, $dst-bit Dst)',
    ({ tier, fidelity, dst }) => {
      const [positions, headDim] = [45, 48];
      const row = randomBf16(positions, 13);
      const values = randomBf16(positions * headDim, 14);
      const out = new Float32Array(headDim);
      const products = createRowProducts(parseDeviceOptions(`tier=${tier}`), fidelity, dst === 32);
      products.combine(row, positions, { values, start: 0, stride: headDim }, headDim, out);
      expect(out).toEqual(byEngine(row, values, headDim, tier, fidelity, dst === 32));
    },
  );
});

describe('rotation', () => {
  it.each([
    { tier: 'exact', headDim: 128 },
    { tier: 'exact', headDim: 48 },
    { tier: 'exact', headDim: 32 },
    { tier: 'exact', headDim: 16 },
    { tier: 'fast', headDim: 128 },
    { tier: 'fast', headDim: 32 },
  ] as const)('is the matmul by R ($tier, head dimension $headDim)', ({ tier, headDim }) => {
    const half = headDim / 2;
    const head = randomBf16(headDim, 15);
    const angles = Float32Array.from({ length: half }, (_, i) => 0.1 + i * 0.37);
    const cosines = angles.map((angle) => roundToBf16TiesEven(Math.fround(Math.cos(angle))));
    const sines = angles.map((angle) => roundToBf16TiesEven(Math.fround(Math.sin(angle))));
    const matrix = new Float32Array(headDim * headDim);
    for (let i = 0; i < half; i++) {
      matrix[i * headDim + i] = cosines[i]!;
      matrix[(i + half) * headDim + i + half] = cosines[i]!;
      matrix[(i + half) * headDim + i] = -sines[i]!;
      matrix[i * headDim + i + half] = sines[i]!;
    }
    const wanted = byEngine(head, matrix, headDim, tier, 'HiFi2');
    const rotated = head.slice();
    createRotate(headDim, parseDeviceOptions(`tier=${tier}`))(rotated, 0, cosines, sines);
    expect(rotated).toEqual(wanted);
  });
});
