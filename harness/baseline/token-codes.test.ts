// The 16 bits of a KL: every code is a number of its own, order is kept, nothing is further off than half a unit in the last place.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKl, encodeKl, NO_KL, packBits, packCodes, unpackBits, unpackCodes } from './token-codes.ts';

describe('a code of KL', () => {
  it('is that of the number it stands for, for every code', () => {
    for (let code = 0; code < NO_KL; code++) {
      if (encodeKl(decodeKl(code)) !== code) throw new Error(`code ${code}`);
    }
  });

  it('rises with the number', () => {
    for (let code = 1; code < NO_KL; code++) {
      if (!(decodeKl(code) > decodeKl(code - 1))) throw new Error(`code ${code}`);
    }
  });

  it('is within one part in 2048 of any KL from 1e-12 to a million nat', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1e6, noNaN: true }), (kl) => {
        expect(Math.abs(decodeKl(encodeKl(kl)) - kl) / kl).toBeLessThanOrEqual(1 / 2048 + 1e-7);
      }),
      { numRuns: 1000, seed: 4 },
    );
  });

  it.each([
    { what: '0', kl: 0, code: 0 },
    { what: 'what rounding left below 0', kl: -1e-17, code: 0 },
    { what: 'less than any format could tell from 0', kl: 1e-30, code: 0 },
    { what: 'more than there is', kl: Number.POSITIVE_INFINITY, code: NO_KL - 1 },
    { what: 'no KL', kl: null, code: NO_KL },
    { what: 'NaN', kl: Number.NaN, code: NO_KL },
  ])('of $what is $code', ({ kl, code }) => {
    expect(encodeKl(kl)).toBe(code);
  });

  it('that says that there is none is not a number', () => {
    expect(decodeKl(NO_KL)).toBeNaN();
  });
});

describe('packed tokens', () => {
  it('are those that were packed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: NO_KL }), fc.integer({ min: 0, max: 1 }))), (tokens) => {
        const [codes, bits] = [tokens.map(([code]) => code), tokens.map(([, bit]) => bit)];
        expect([...unpackCodes(packCodes(codes))]).toEqual(codes);
        expect([...unpackBits(packBits(bits), bits.length)]).toEqual(bits);
      }),
      { numRuns: 200, seed: 5 },
    );
  });
});
