// The archive of a bundle: what was packed comes out, and every hostile or damaged form is refused by name.

import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ArchiveEntry, ArchiveWriter, packArchive, readArchive, unpackArchive } from './zip-file.ts';
import { ZIP_LIMITS, type ZipLimits } from './zip-records.ts';

const A: ArchiveEntry = { name: 'a.json', bytes: Buffer.from('{"numbers": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}') };
const B: ArchiveEntry = { name: 'b', bytes: Buffer.from([0, 255, 7, 9]) };
const limitOf = (name: string): number | undefined => (/^[a-z.]+$/.test(name) ? 1000 : undefined);
const pack = (...entries: ArchiveEntry[]): Buffer => Buffer.from(packArchive(entries));
const unpack = (archive: Buffer) => unpackArchive('bundle.zip', archive, limitOf);
const refused = (found: RegExp) =>
  expect.objectContaining({
    code: 'BUNDLE_BROKEN',
    facts: expect.objectContaining({ found: expect.stringMatching(found) }),
  });

/** Where the directory and the local header of the first entry begin, by their signatures. */
const directoryAt = (archive: Buffer): number => archive.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
function changed(archive: Buffer, change: (bytes: Buffer) => void): Buffer {
  const copy = Buffer.from(archive);
  change(copy);
  return copy;
}

describe('an archive', () => {
  it('gives back what was packed, and is the same each time', () => {
    expect([...unpack(pack(A, B))].map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) }))).toEqual([A, B]);
    expect(pack(A, B)).toEqual(pack(A, B));
    expect(unpack(pack()).size).toBe(0);
  });

  /** Streamed, as weights are. */
  function packStreamed(limits: ZipLimits, ...entries: ArchiveEntry[]): Buffer {
    let archive = Buffer.alloc(0);
    const writer = new ArchiveWriter(
      {
        append: (bytes) => {
          archive = Buffer.concat([archive, bytes]);
        },
        writeAt: (at, bytes) => archive.set(bytes, at),
      },
      limits,
    );
    for (const { name, bytes } of entries) {
      const pieces = () => [bytes.subarray(0, 1), bytes.subarray(1)];
      writer.addStream({ name, lengthBytes: bytes.length, pieces }, () => undefined);
    }
    writer.finish();
    return archive;
  }

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

  it('says in ZIP64 only what needs it', () => {
    expect(() => unpackArchive('bundle.zip', packStreamed({ large: 1 }, A), limitOf)).toThrow(refused(/./));
    expect(() => unpackArchive('bundle.zip', packStreamed(ZIP_LIMITS, A), limitOf, { large: 1 })).toThrow(refused(/./));
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

  it.each(['../a', '/etc/passwd', 'a\\b', 'a/../b', 'A', ''])('is refused with an entry called %j', (name) => {
    expect(() => unpack(pack({ ...A, name }))).toThrow(refused(/^entry/));
  });

  it('is refused with a name twice', () => {
    expect(() => unpack(pack(A, A))).toThrow(refused(/"a\.json" twice/));
  });

  it('is refused with another checksum, in both headers', () => {
    const other = changed(pack(B), (bytes) => {
      const sum = crc32(Buffer.from('other'));
      bytes.writeUInt32LE(sum, 14);
      bytes.writeUInt32LE(sum, directoryAt(bytes) + 16);
    });
    expect(() => unpack(other)).toThrow(refused(/checksum/));
  });

  it('is refused where an entry inflates to more than it says, or says more than it may', () => {
    const bomb = Buffer.alloc(100_000);
    expect(() => unpack(pack({ name: 'bomb', bytes: bomb }))).toThrow(refused(/of 100000 bytes/));
    const small = pack({ name: 'bomb', bytes: bomb });
    const lying = changed(small, (bytes) => {
      bytes.writeUInt32LE(10, 22);
      bytes.writeUInt32LE(10, directoryAt(bytes) + 24);
    });
    expect(deflateRawSync(bomb).length).toBeLessThan(500);
    expect(() => unpack(lying)).toThrow(refused(/checksum/));
  });

  it('is refused with bytes before, between or behind the entries, and with a comment', () => {
    const whole = pack(A, B);
    expect(() => unpack(Buffer.concat([Buffer.from('#!'), whole]))).toThrow(refused(/./));
    expect(() => unpack(Buffer.concat([whole, Buffer.from('more')]))).toThrow(refused(/./));
    const at = directoryAt(whole);
    const wedged = Buffer.concat([whole.subarray(0, at), Buffer.from('gap!'), whole.subarray(at)]);
    wedged.writeUInt32LE(at + 4, wedged.length - 6);
    expect(() => unpack(wedged)).toThrow(refused(/no entry/));
  });

  it('is refused where the two headers of an entry differ, or the entry is encrypted', () => {
    expect(() => unpack(changed(pack(A), (bytes) => bytes.write('b', 30)))).toThrow(refused(/not where/));
    const encrypted = changed(pack(A), (bytes) => {
      bytes[6]! |= 1;
      bytes[directoryAt(bytes) + 8]! |= 1;
    });
    expect(() => unpack(encrypted)).toThrow(refused(/flags/));
  });
});
