// Small archives for tests of the bundle's archive: two entries, packed at once or streamed, and changed on purpose.
import { expect } from 'vitest';
import { type ArchiveEntry, ArchiveWriter, packArchive, unpackArchive } from './zip-file.ts';
import type { ZipLimits } from './zip-records.ts';

export const A: ArchiveEntry = {
  name: 'a.json',
  bytes: Buffer.from('{"numbers": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}'),
};
export const B: ArchiveEntry = { name: 'b', bytes: Buffer.from([0, 255, 7, 9]) };
export const limitOf = (name: string): number | undefined => (/^[a-z.]+$/.test(name) ? 1000 : undefined);
export const pack = (...entries: ArchiveEntry[]): Buffer => Buffer.from(packArchive(entries));
export const unpack = (archive: Buffer): ReturnType<typeof unpackArchive> =>
  unpackArchive('bundle.zip', archive, limitOf);
/** By name, whatever was found. */
export const refused = (found: RegExp): unknown =>
  expect.objectContaining({
    code: 'BUNDLE_BROKEN',
    facts: expect.objectContaining({ found: expect.stringMatching(found) }),
  });

export function changed(archive: Buffer, change: (bytes: Buffer) => void): Buffer {
  const copy = Buffer.from(archive);
  change(copy);
  return copy;
}

/** Streamed, as weights are. */
export function packStreamed(limits: ZipLimits, ...entries: ArchiveEntry[]): Buffer {
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
