// The stepped rotation: that of the exact position but for BF16 steps, whatever the tier.
import { describe, expect, it } from 'vitest';
import { parseDeviceOptions } from '../device-options.ts';
import { createSteppedTables } from './rotary-step.ts';
import { rotaryFrequencies, writeRotaryTables } from './rotary-tables.ts';

const HEAD_DIM = 128;
const frequencies = rotaryFrequencies(HEAD_DIM, 1e6, undefined);

function tables(write: (cosines: Float32Array, sines: Float32Array) => void): Float32Array {
  const both = new Float32Array(HEAD_DIM);
  write(both.subarray(0, HEAD_DIM / 2), both.subarray(HEAD_DIM / 2));
  return both;
}

describe('createSteppedTables', () => {
  it.each([
    // Each of four operands is off by 2^-9 to 2^-8 (HiFi2 cuts a bit of the step), and so are the sums.
    { tier: 'exact', bound: 6 * 2 ** -8 },
    { tier: 'fast', bound: 6 * 2 ** -8 },
    { tier: 'fp32', bound: 4 * 2 ** -23 + 128 * 2 ** -23 },
  ])('reaches the position from the one before (tier $tier)', ({ tier, bound }) => {
    const step = createSteppedTables(HEAD_DIM, frequencies, parseDeviceOptions(`tier=${tier}`));
    for (const position of [0, 1, 128, 129]) {
      const exact = tables((cosines, sines) => writeRotaryTables(frequencies, position, true, cosines, sines));
      const stepped = tables((cosines, sines) => step(position, cosines, sines));
      for (let i = 0; i < HEAD_DIM; i++) expect(Math.abs(stepped[i]! - exact[i]!)).toBeLessThan(bound);
    }
  });

  it('has errors of its own: a table of the host rounds once', () => {
    const step = createSteppedTables(HEAD_DIM, frequencies, parseDeviceOptions('tier=exact'));
    const host = tables((cosines, sines) => writeRotaryTables(frequencies, 128, false, cosines, sines));
    const stepped = tables((cosines, sines) => step(128, cosines, sines));
    const equal = stepped.filter((value, i) => value === host[i]).length;
    expect(equal).toBeGreaterThan(0);
    expect(equal).toBeLessThan(HEAD_DIM);
  });
});
