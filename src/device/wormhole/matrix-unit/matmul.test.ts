// The plain engine: exact tier against single MVMULs in the order of B.6, row independence, knobs, refusals.
import { describe, expect, it } from 'vitest';
import { InternalError, ShapeError } from '../../../errors.ts';
import { roundToBf16TiesEven } from '../../../numerics/bf16.ts';
import { bitsOf, float32FromBits } from '../../../numerics/float-bits.ts';
import { DEMO_MATMUL } from '../demo-matmul.fixture.ts';
import { PHASE_COUNT } from '../fidelity.ts';
import { packMatrix, unpackMatrix } from '../host-packing.ts';
import { MATH_FIDELITIES, type MatmulOptions } from '../matmul-engine.ts';
import { createPlainMatmulEngine } from './matmul.ts';
import { mvmul } from './mvmul.ts';

const DEMO: MatmulOptions = { ...DEMO_MATMUL, tier: 'exact' };

function pseudoRandom(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return roundToBf16TiesEven((((state >>> 8) & 0xffff) / 0x8000 - 1) * 2 ** -((state >>> 3) & 7));
  });
}

describe('createPlainMatmulEngine', () => {
  const [rows, k, n] = [3, 70, 35];
  const engine = createPlainMatmulEngine();
  const in0 = pseudoRandom(rows * k, 3);
  const packed = packMatrix(pseudoRandom(k * n, 4), k, n, { format: 'BFP8_B', rounding: 'halfUp' });
  const weights = engine.load(packed);
  const values = unpackMatrix(packed);

  it.each(MATH_FIDELITIES)('runs %s as single MVMULs in the order of B.6', (mathFidelity) => {
    const actual = engine.matmul(in0, rows, weights, { ...DEMO, mathFidelity });
    const lanesOf = (source: Float32Array, start: number, stride: number, first: number): Uint32Array => {
      const lanes = new Uint32Array(16);
      for (let i = 0; i < 16 && first + i < k; i++) lanes[i] = bitsOf(source)[start + (first + i) * stride]!;
      return lanes;
    };
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < n; column++) {
        const addTile = (start: number, before: number): number => {
          let dst = before;
          for (let phase = 0; phase < PHASE_COUNT[mathFidelity]; phase++) {
            for (const first of [start, start + 16]) {
              const srcA = lanesOf(values, column, n, first);
              const srcB = lanesOf(in0, row * k, 1, first);
              dst = mvmul(srcA, srcB, dst, { phase, fp32DestAcc: false });
            }
          }
          return dst;
        };
        const first = float32FromBits(addTile(0, 0));
        const second = roundToBf16TiesEven(first + float32FromBits(addTile(32, 0)));
        const last = addTile(64, bitsOf(Float32Array.of(second))[0]!);
        expect(actual[row * n + column]).toBe(float32FromBits(last));
      }
    }
  });

  it.each(['exact', 'fast', 'fp32'] as const)('gives a row the same bits alone and among others in tier %s', (tier) => {
    const together = engine.matmul(in0, rows, weights, { ...DEMO, tier, outputFormat: 'BFP8_B' });
    for (let row = 0; row < rows; row++) {
      const alone = engine.matmul(in0.slice(row * k, (row + 1) * k), 1, weights, {
        ...DEMO,
        tier,
        outputFormat: 'BFP8_B',
      });
      expect(alone).toEqual(together.slice(row * n, (row + 1) * n));
    }
  });

  it('is closest to float32 with a 32-bit Dst, HiFi4 and one block', () => {
    const truth = engine.matmul(in0, rows, weights, { ...DEMO, tier: 'fp32', outputFormat: 'FP32' });
    const distance = (options: Partial<MatmulOptions>): number => {
      const actual = engine.matmul(in0, rows, weights, { ...DEMO, ...options });
      return Math.sqrt(actual.reduce((sum, value, i) => sum + (value - truth[i]!) ** 2, 0));
    };
    const best = distance({ mathFidelity: 'HiFi4', fp32DestAcc: true, in0BlockW: 3, outputFormat: 'FP32' });
    const demo = distance({});
    expect(best).toBeGreaterThan(0);
    expect(best).toBeLessThan(demo / 2);
    expect(distance({ mathFidelity: 'LoFi' })).toBeGreaterThan(demo);
  });

  it('errs as much in tier fast as in tier exact (B.7: 1.4 % each at K = 3584)', () => {
    const [deepRows, deepK, deepN] = [4, 1024, 64];
    const deepIn0 = pseudoRandom(deepRows * deepK, 5);
    const options = { format: 'BFP8_B', rounding: 'halfUp' } as const;
    const deepWeights = engine.load(packMatrix(pseudoRandom(deepK * deepN, 6), deepK, deepN, options));
    const run = (knobs: Partial<MatmulOptions>): Float32Array =>
      engine.matmul(deepIn0, deepRows, deepWeights, { ...DEMO, ...knobs });
    const truth = run({ tier: 'fp32', outputFormat: 'FP32' });
    const error = (actual: Float32Array): number =>
      Math.sqrt(actual.reduce((sum, value, i) => sum + (value - truth[i]!) ** 2, 0));
    const exact = error(run({}));
    expect(exact).toBeGreaterThan(0);
    // 256 outputs: the ratio of two equal error sizes scatters by about 6 %.
    expect(error(run({ tier: 'fast' })) / exact).toBeGreaterThan(0.8);
    expect(error(run({ tier: 'fast' })) / exact).toBeLessThan(1.25);
  });

  it('refuses activations of another K and weights that it does not hold', () => {
    expect(() => engine.matmul(in0, rows + 1, weights, DEMO)).toThrow(ShapeError);
    const released = engine.load(packed);
    engine.release(released);
    expect(() => engine.matmul(in0, rows, released, DEMO)).toThrow(InternalError);
  });
});
