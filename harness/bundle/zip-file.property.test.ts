// The archive of a bundle, damaged anywhere: cut at any byte or with any bit turned it is refused, or says the very same.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { A, B, changed, limitOf, pack, packStreamed, refused, unpack } from './archive.fixture.ts';
import { readArchive, unpackArchive } from './zip-file.ts';
import { ZIP_LIMITS } from './zip-records.ts';

describe('an archive', () => {
  it.each([
    { what: 'in 32 bits', limits: ZIP_LIMITS },
    { what: 'with sizes in ZIP64', limits: { large: 50 } },
    { what: 'with every field in ZIP64', limits: { large: 1 } },
  ])('$what gives back what was streamed into it, in pieces, and is refused when cut or turned', ({ limits }) => {
    const whole = packStreamed(limits, A, B);
    const source = { length: whole.length, read: (at: number, bytes: number) => whole.subarray(at, at + bytes) };
    const entries = readArchive('bundle.zip', source, limitOf, limits);
    const found = Array.from(entries, ([name, entry]) => ({ name, bytes: Buffer.concat([...entry.pieces()]) }));
    expect(found).toEqual([A, B]);
    for (let at = 0; at < whole.length; at++) {
      const turned = changed(whole, (bytes) => {
        bytes[at]! ^= 4;
      });
      expect(() => unpackArchive('bundle.zip', turned, limitOf, limits), `byte ${at}`).toThrow(refused(/./));
      expect(() => unpackArchive('bundle.zip', whole.subarray(0, at), limitOf, limits)).toThrow(refused(/./));
    }
  });

  it('is refused when cut at any byte', () => {
    const whole = pack(A, B);
    for (let end = 0; end < whole.length; end++) {
      expect(() => unpack(whole.subarray(0, end)), `${end} bytes`).toThrow(refused(/./));
    }
  });

  it('with any bit turned is refused, or gives the very same entries', () => {
    const whole = pack(A, B);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(7), (at, bit) => {
        const turned = changed(whole, (bytes) => {
          bytes[at]! ^= 1 << bit;
        });
        try {
          expect(Array.from(unpack(turned), ([name, bytes]) => ({ name, bytes: Buffer.from(bytes) }))).toEqual([A, B]);
        } catch (error) {
          expect(error).toMatchObject({ code: 'BUNDLE_BROKEN' });
        }
      }),
      { numRuns: 500, seed: 5 },
    );
  });
});
