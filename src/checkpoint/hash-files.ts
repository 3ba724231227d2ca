// The identity of a set of files: what reports print and golden files are bound to.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';

const CHUNK_BYTES = 1 << 20;

/**
 * Hashes files by streaming them.
 *
 * @param files - paths, in the order that counts.
 * @returns hex sha256 of the only file, as `sha256sum` prints it; of several, the sha256 of their `sha256  name` lines.
 */
export async function hashFiles(files: readonly string[]): Promise<string> {
  const hashes: string[] = [];
  for (const file of files) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) hash.update(chunk as Buffer);
    hashes.push(hash.digest('hex'));
  }
  if (hashes.length === 1) return hashes[0]!;
  const lines = files.map((file, i) => `${hashes[i]}  ${basename(file)}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex');
}
