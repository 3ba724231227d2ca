// The packing kernel against its twin, byte for byte: every format and rounding, any size, any kind of value.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackOptions, packTransposedWeights } from '../host-packing.ts';
import { startPacking } from './kernel-packing.ts';
import { createKernelPool, type KernelPool } from './kernel-pool.ts';
import { createRandom } from './operands.fixture.ts';

let pool: KernelPool;
beforeAll(async () => {
  pool = await createKernelPool({ threads: 1 });
});
afterAll(() => pool.close());

/** Patterns whose groups meet every case of the rounding; a face row takes one value from each of 16 rows. */
const KINDS = {
  any: (random: () => number) => random() & 0xffff,
  'ten binades': (random: () => number) => (random() & 0x807f) | ((120 + (random() % 10)) << 7),
  ties: (random: () => number) => (random() & 0x8003) | ((120 + (random() % 9)) << 7),
  'all but ones': (random: () => number) => (random() & 0x8000) | ((127 - (random() % 2)) << 7) | 0x7f,
  'about the denormals': (random: () => number) => (random() & 0x807f) | ((random() % 5) << 7),
  'zeros and a few values': (random: () => number) =>
    (random() & 0x8000) | (random() % 16 === 0 ? ((random() % 255) << 7) | 0x40 : 0),
  'infinities and NaN': (random: () => number) =>
    (random() & 0x8000) | ((random() % 8 === 0 ? 255 : 245 + (random() % 10)) << 7) | (random() & 0x41),
};

/** Tiles of [N, K] by the kernel, stripe by stripe, in rooms that held something else before. */
function packByKernel(weights: Uint16Array, n: number, k: number, options: PackOptions): Uint8Array {
  const packing = startPacking(pool.banks[0], { ...options, k, n });
  packing.matrix.tiles.fill(0xaa);
  const bytes = new Uint8Array(weights.buffer);
  for (let firstRow = 0, turn = 0; firstRow < n; firstRow += packing.stripeRows, turn++) {
    const rows = Math.min(packing.stripeRows, n - firstRow);
    const stripe = turn % packing.stripes.length;
    packing.stripes[stripe]!.set(bytes.subarray(firstRow * 2 * k, (firstRow + rows) * 2 * k));
    packing.pack(stripe, firstRow, rows);
  }
  const packed = packing.matrix.tiles.slice();
  packing.release();
  return packed;
}

const FORMATS = ['BFP8_B', 'BFP4_B', 'BF16'] as const;
const ROUNDINGS = ['halfUp', 'nearestEven'] as const;
const CASES = FORMATS.flatMap((format) => ROUNDINGS.map((rounding) => ({ format, rounding })));

describe('packing kernel', () => {
  it.each(CASES)('packs $format, $rounding as the twin, whatever size and values', (options) => {
    for (const [kind, pattern] of Object.entries(KINDS)) {
      for (const [n, k] of [
        [32, 32],
        [64, 96],
        [1, 1],
        [16, 8],
        [17, 40],
        [33, 31],
        [100, 70],
      ] as const) {
        const random = createRandom(n * 1000 + k);
        const weights = Uint16Array.from({ length: n * k }, () => pattern(random));
        const golden = packTransposedWeights(weights, n, k, options);
        const packed = packByKernel(weights, n, k, options);
        if (Buffer.compare(packed, golden.tiles) !== 0) expect.fail(`${kind}, [${n}, ${k}]`);
      }
    }
  });

  it.each(ROUNDINGS)(
    'rounds every significand at every distance from the shared exponent as the twin, %s',
    (rounding) => {
      // Column k of [16, 256 * 33]: a maximum of exponent 160, and in row 1 one significand and distance of both signs.
      const [n, k] = [16, 2 * 128 * 33];
      const weights = new Uint16Array(n * k);
      for (let column = 0; column < k; column++) {
        const distance = column >> 8;
        weights[column] = 160 << 7;
        weights[k + column] = ((column & 0x80) << 8) | ((160 - distance) << 7) | (column & 0x7f);
      }
      for (const format of ['BFP8_B', 'BFP4_B'] as const) {
        const options = { format, rounding };
        const golden = packTransposedWeights(weights, n, k, options);
        expect(new Set(golden.tiles).size).toBeGreaterThan(format === 'BFP8_B' ? 150 : 10);
        expect(Buffer.compare(packByKernel(weights, n, k, options), golden.tiles)).toBe(0);
      }
    },
  );

  it('packs a matrix of several stripes as the twin', () => {
    const [n, k] = [600, 8190];
    const random = createRandom(5);
    const weights = Uint16Array.from({ length: n * k }, () => KINDS['ten binades'](random));
    const options = { format: 'BFP8_B', rounding: 'halfUp' } as const;
    const golden = packTransposedWeights(weights, n, k, options);
    expect(Buffer.compare(packByKernel(weights, n, k, options), golden.tiles)).toBe(0);
  });
});
