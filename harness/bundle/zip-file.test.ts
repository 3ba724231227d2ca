// The archive of a bundle: what was packed comes out, and every hostile form is refused by name.

import { crc32, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { A, B, changed, limitOf, pack, packStreamed, refused, unpack } from './archive.fixture.ts';
import { unpackArchive } from './zip-file.ts';
import { ZIP_LIMITS } from './zip-records.ts';

/** Where the directory and the local header of the first entry begin, by their signatures. */
const directoryAt = (archive: Buffer): number => archive.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));

describe('an archive', () => {
  it('gives back what was packed, and is the same each time', () => {
    expect([...unpack(pack(A, B))].map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) }))).toEqual([A, B]);
    expect(pack(A, B)).toEqual(pack(A, B));
    expect(unpack(pack()).size).toBe(0);
  });

  it('says in ZIP64 only what needs it', () => {
    expect(() => unpackArchive('bundle.zip', packStreamed({ large: 1 }, A), limitOf)).toThrow(refused(/./));
    expect(() => unpackArchive('bundle.zip', packStreamed(ZIP_LIMITS, A), limitOf, { large: 1 })).toThrow(refused(/./));
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
