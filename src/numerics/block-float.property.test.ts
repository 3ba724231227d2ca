// Laws of the block formats: packing what was unpacked changes nothing, errors stay below one step.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bf16FromFloat32Bits, valueFromBf16 } from './bf16.ts';
import { BLOCK_FORMATS, bf16FromBfp4, bf16FromBfp8, MAGNITUDE_BITS } from './block-float.ts';
import { packDeviceBlock } from './block-float-device.ts';
import { HOST_BFP_ROUNDINGS, packHostBlock } from './block-float-host.ts';
import { float32Bits } from './float-bits.ts';

const SEED = 20_241_115;

/** Sixteen float32, zero or of magnitude 2^-60 … 2^11: neither end of the exponent range is near. */
const member = fc
  .tuple(fc.double({ min: -2, max: 2, noNaN: true }), fc.integer({ min: -10, max: 10 }))
  .map(([significand, power]) => Math.fround(significand * 2 ** power))
  .map((value) => (Math.abs(value) < 2 ** -60 ? 0 : value));
const group = fc.array(member, { minLength: 16, maxLength: 16 });

const unpack = { BFP8_B: bf16FromBfp8, BFP4_B: bf16FromBfp4 } as const;

describe('host packing', () => {
  it('is idempotent and errs by at most one step', () => {
    const format = fc.constantFrom(...BLOCK_FORMATS);
    const rounding = fc.constantFrom(...HOST_BFP_ROUNDINGS);
    fc.assert(
      fc.property(group, format, rounding, (values, blockFormat, hostRounding) => {
        const bytes = new Uint8Array(16);
        const exponent = packHostBlock(Uint32Array.from(values, float32Bits), blockFormat, hostRounding, bytes);
        const read = Array.from(bytes, (byte) => valueFromBf16(unpack[blockFormat](exponent, byte)));
        const step = 2 ** (exponent - 127 - (MAGNITUDE_BITS[blockFormat] - 1));
        for (let i = 0; i < 16; i++) expect(Math.abs(read[i]! - values[i]!)).toBeLessThanOrEqual(step);
        const again = new Uint8Array(16);
        const exponentAgain = packHostBlock(Uint32Array.from(read, float32Bits), blockFormat, hostRounding, again);
        const readAgain = Array.from(again, (byte) => valueFromBf16(unpack[blockFormat](exponentAgain, byte)));
        expect(readAgain).toEqual(read);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});

describe('device packing', () => {
  it('leaves alone what it has packed before, with and without double rounding', () => {
    fc.assert(
      fc.property(group, fc.boolean(), (values, doubleRound) => {
        const pack = (source: readonly number[]) => {
          const bytes = new Uint8Array(16);
          const patterns = Uint16Array.from(source, (value) => bf16FromFloat32Bits(float32Bits(value)));
          const exponent = packDeviceBlock(patterns, doubleRound, bytes);
          return Array.from(bytes, (byte) => valueFromBf16(bf16FromBfp8(exponent, byte)));
        };
        const once = pack(values);
        expect(pack(once)).toEqual(once);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it('does not depend on the order of the sixteen', () => {
    fc.assert(
      fc.property(group, fc.boolean(), (values, doubleRound) => {
        const patterns = Uint16Array.from(values, (value) => bf16FromFloat32Bits(float32Bits(value)));
        const bytes = new Uint8Array(16);
        const reversed = new Uint8Array(16);
        const exponent = packDeviceBlock(patterns, doubleRound, bytes);
        expect(packDeviceBlock(patterns.slice().reverse(), doubleRound, reversed)).toBe(exponent);
        expect([...reversed].reverse()).toEqual([...bytes]);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});
