// Tier fast: its order of additions on small cases, its knobs, and that rows do not see one another.
import { describe, expect, it } from 'vitest';
import { UnsupportedError } from '../../../errors.ts';
import { roundToBf16TiesEven } from '../../../numerics/bf16.ts';
import { DEMO_MATMUL } from '../demo-matmul.fixture.ts';
import { packMatrix, unpackMatrix } from '../host-packing.ts';
import type { MatmulOptions, WeightFormat } from '../matmul-engine.ts';
import { matmulFast } from './matmul-fast.ts';
import { matmulFp32 } from './matmul-fp32.ts';

/** Reproducible numbers of mixed sign and magnitude, rounded to bfloat16. */
function pseudoRandom(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const mantissa = ((state >>> 8) & 0xffff) / 0x8000 - 1;
    return roundToBf16TiesEven(mantissa * 2 ** -((state >>> 4) & 3));
  });
}

const packed = (values: Float32Array, k: number, n: number, format: WeightFormat = 'BFP8_B') =>
  packMatrix(values, k, n, { format, rounding: 'halfUp' });

describe('matmulFast', () => {
  const [rows, k, n] = [3, 100, 40];
  const in0 = pseudoRandom(rows * k, 1);
  const weights = packed(pseudoRandom(k * n, 2), k, n);

  it('adds within a tile in order of k, rounds once per tile and puts the last tile on top', () => {
    const values = unpackMatrix(weights);
    const actual = matmulFast(in0, rows, weights, DEMO_MATMUL);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < n; column++) {
        let accumulated = 0;
        for (let start = 0; start < k; start += 32) {
          let sum = 0;
          for (let i = start; i < Math.min(start + 32, k); i++) {
            const cut = new Uint32Array(Float32Array.of(in0[row * k + i]!).buffer);
            cut[0] = cut[0]! & 0xfffe_0000;
            sum = Math.fround(sum + Math.fround(new Float32Array(cut.buffer)[0]! * values[i * n + column]!));
          }
          const isLast = start + 32 >= k;
          accumulated = roundToBf16TiesEven(accumulated + (isLast ? sum : roundToBf16TiesEven(sum)));
        }
        expect(actual[row * n + column]).toBe(accumulated);
      }
    }
  });

  it('gives each row the same bits alone as among others', () => {
    const together = matmulFast(in0, rows, weights, DEMO_MATMUL);
    for (let row = 0; row < rows; row++) {
      const alone = matmulFast(in0.slice(row * k, (row + 1) * k), 1, weights, DEMO_MATMUL);
      expect(alone).toEqual(together.slice(row * n, (row + 1) * n));
    }
  });

  it('cuts the weights to five significant bits in LoFi', () => {
    const one = packed(Float32Array.of(1 + 1 / 64), 1, 1, 'BF16');
    expect(matmulFast(Float32Array.of(1), 1, one, { ...DEMO_MATMUL, mathFidelity: 'LoFi' })[0]).toBe(1);
    expect(matmulFast(Float32Array.of(1), 1, one, DEMO_MATMUL)[0]).toBe(1 + 1 / 64);
    expect(matmulFast(Float32Array.of(1 + 1 / 128), 1, one, DEMO_MATMUL)[0]).toBe(1 + 1 / 64);
    expect(matmulFast(Float32Array.of(1 + 1 / 128), 1, one, { ...DEMO_MATMUL, mathFidelity: 'HiFi4' })[0]).toBe(
      1 + 3 / 128,
    );
  });

  it('keeps float32 sums in a 32-bit Dst and equals tier fp32 there when no bit is cut', () => {
    const options: MatmulOptions = {
      ...DEMO_MATMUL,
      mathFidelity: 'HiFi4',
      fp32DestAcc: true,
      intermediateFormat: 'FP32',
      outputFormat: 'FP32',
    };
    const plain = matmulFp32(in0, rows, weights, options);
    expect(matmulFast(in0, rows, weights, { ...options, packerL1Acc: false })).toEqual(plain);
    expect(matmulFast(in0, rows, weights, DEMO_MATMUL)).not.toEqual(plain);
  });

  it('refuses L1 accumulation in BFP8_B and FP32 partial sums of a 16-bit Dst', () => {
    expect(() => matmulFast(in0, rows, weights, { ...DEMO_MATMUL, intermediateFormat: 'BFP8_B' })).toThrow(
      UnsupportedError,
    );
    expect(() => matmulFast(in0, rows, weights, { ...DEMO_MATMUL, intermediateFormat: 'FP32' })).toThrow(
      UnsupportedError,
    );
    expect(() => matmulFast(in0, rows, weights, { ...DEMO_MATMUL, in0BlockW: 0 })).toThrow(UnsupportedError);
  });
});
