// Tier exact where its two roundings meet: constructed group sums at the edges of halves, and the Wormhole defect.
// Source: n150-numerics B.4. Random operands hardly ever hit these.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packMatrix } from '../host-packing.ts';
import type { MatmulEngine, MatmulOptions } from '../matmul-engine.ts';
import { createPlainMatmulEngine } from '../matrix-unit/matmul.ts';
import { createKernelMatmulEngine } from './kernel-matmul-engine.ts';

const K = 32;
const LANES = 8;
const SINGLE_TILE: MatmulOptions = {
  tier: 'exact',
  mathFidelity: 'LoFi',
  fp32DestAcc: false,
  packerL1Acc: false,
  in0BlockW: 1,
  intermediateFormat: 'BF16',
  outputFormat: 'BF16',
  bfp8PackDoubleRound: false,
};

const twin = createPlainMatmulEngine();
let kernels: MatmulEngine;
beforeAll(async () => {
  kernels = await createKernelMatmulEngine({ threads: 1 });
});
afterAll(() => kernels.close());

interface Operands {
  readonly in0: Float32Array;
  readonly in1: Float32Array;
}

/** One output element of either engine, as float32 bits. */
function elementBits(engine: MatmulEngine, { in0, in1 }: Operands, options: MatmulOptions): number {
  const weights = engine.load(packMatrix(in1, K, 1, { format: 'BF16', rounding: 'nearestEven' }));
  const result = engine.matmul(in0, 1, weights, options);
  engine.release(weights);
  return new Uint32Array(result.buffer)[0]!;
}

/** Products of a 5-bit weight part and a 7-bit activation part, all LoFi keeps: product -> both parts. */
const PARTS = new Map<number, readonly [weight: number, activation: number]>();
for (let weight = 16; weight < 32; weight++) {
  for (let activation = 64; activation < 128; activation++) PARTS.set(weight * activation, [weight, activation]);
}

/** At most eight products that add up to `sum`. */
function productsOf(sum: number, lanes: number = LANES): readonly number[] | undefined {
  if (PARTS.has(sum)) return [sum];
  if (lanes === 1) return undefined;
  for (const product of PARTS.keys()) {
    if (product * lanes < sum || product >= sum) continue;
    const rest = productsOf(sum - product, lanes - 1);
    if (rest !== undefined) return [product, ...rest];
  }
  return undefined;
}

/** A group whose aligned sum is `sum` grid steps at `exponent`, from lane `first` on. */
function setGroup({ in0, in1 }: Operands, first: number, sum: number, exponent: number): void {
  for (const [lane, product] of productsOf(Math.abs(sum))!.entries()) {
    const [weight, activation] = PARTS.get(product)!;
    in1[first + lane] = (weight / 16) * Math.sign(sum);
    in0[first + lane] = (activation / 64) * 2 ** exponent;
  }
}

const emptyOperands = (): Operands => ({ in0: new Float32Array(K), in1: new Float32Array(K) });

const EDGE_SUMS = [1024, 2047, 2048, 4095, 4096, 4097, 8190, 8191, 8192, 8193, 16381, 16382, 16383, 16384, 16385];
/** Sums of the larger group next to a half of the final rounding: one step of the smaller group decides. */
const DECIDING_SUMS = [27 * 65, 28 * 65];

describe('kernels of tier exact', () => {
  it.each([false, true])('round group sums as the twin at every distance with fp32DestAcc %s', (fp32DestAcc) => {
    const options: MatmulOptions = {
      ...SINGLE_TILE,
      fp32DestAcc,
      ...(fp32DestAcc ? { intermediateFormat: 'FP32', outputFormat: 'FP32' } : {}),
    };
    const seen = new Set<number>();
    for (const sum of EDGE_SUMS) {
      for (let distance = 0; distance <= 32; distance++) {
        for (const deciding of DECIDING_SUMS) {
          for (const [sign, otherSign] of [
            [1, 1],
            [1, -1],
            [-1, 1],
            [-1, -1],
          ] as const) {
            const operands = emptyOperands();
            setGroup(operands, 0, sign * sum, 0);
            setGroup(operands, LANES, otherSign * deciding, distance);
            const golden = elementBits(twin, operands, options);
            seen.add(golden);
            if (elementBits(kernels, operands, options) !== golden) {
              expect.fail(`sum ${sign * sum} at distance ${distance} from ${otherSign * deciding}`);
            }
          }
        }
      }
    }
    expect(seen.size).toBeGreaterThan(400);
  });

  it('round the sum -1 of a 32-bit Dst with the wrong shift, as the twin', () => {
    const operands = emptyOperands();
    const unit = 2 ** -23;
    for (const [lane, value] of [
      [0, -1],
      [LANES, -unit],
      [2 * LANES, 1],
    ] as const) {
      operands.in1[lane] = Math.sign(value);
      operands.in0[lane] = Math.abs(value);
    }
    const options: MatmulOptions = {
      ...SINGLE_TILE,
      fp32DestAcc: true,
      intermediateFormat: 'FP32',
      outputFormat: 'FP32',
    };
    const defect = 0xc180_0000; // -(2^4) instead of -(2^-23)
    expect(elementBits(twin, operands, options)).toBe(defect);
    expect(elementBits(kernels, operands, options)).toBe(defect);
  });
});
