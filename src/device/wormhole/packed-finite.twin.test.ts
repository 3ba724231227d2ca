// Packed matrices tell whether they hold infinities or NaN: any one of them, wherever it is, and no finite value whatever.
import { describe, expect, it } from 'vitest';
import { type PackOptions, packTransposedWeights } from './host-packing.ts';
import { createRandom } from './kernels/operands.fixture.ts';
import { hasNotFinite } from './packed-finite.ts';

const [N, K] = [35, 50];
const FORMATS = ['BFP8_B', 'BFP4_B', 'BF16'] as const;
const ROUNDINGS = ['halfUp', 'nearestEven'] as const;
const CASES = FORMATS.flatMap((format) => ROUNDINGS.map((rounding) => ({ format, rounding })));

/** Any finite pattern, the largest exponent of all in every third place. */
function finitePatterns(): Uint16Array {
  const random = createRandom(11);
  return Uint16Array.from({ length: N * K }, (_, i) => {
    const exponent = i % 3 === 0 ? 254 : random() % 255;
    return (random() & 0x807f) | (exponent << 7);
  });
}

describe.each(CASES)('a matrix packed to $format, $rounding', (options: PackOptions) => {
  it('is finite when its values are, up to the largest there is', () => {
    const weights = finitePatterns();
    expect(hasNotFinite(packTransposedWeights(weights, N, K, options))).toBe(false);
  });

  it('is not with one infinity or NaN of either sign, at any place', () => {
    const weights = finitePatterns();
    const patterns = [0x7f80, 0xff80, 0x7fc0, 0xff81];
    let missed = 0;
    for (let i = 0; i < weights.length; i++) {
      const before = weights[i]!;
      weights[i] = patterns[i % patterns.length]!;
      missed += Number(!hasNotFinite(packTransposedWeights(weights, N, K, options)));
      weights[i] = before;
    }
    expect(missed).toBe(0);
  });
});
