// Whether a file on disk is, byte for byte, the one that the hub lists.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { HubFile } from './hub-listing.ts';

const CHUNK_BYTES = 1 << 20;

/**
 * Hashes a file as the hub does: sha256 of the content, or git's sha1 of `blob <size>\0` and the content.
 *
 * @returns hex digest.
 */
export async function digestOf(path: string, { sizeBytes, digest }: HubFile, signal?: AbortSignal): Promise<string> {
  const hash = createHash(digest.kind === 'sha256' ? 'sha256' : 'sha1');
  if (digest.kind === 'git-blob-sha1') hash.update(`blob ${sizeBytes}\0`);
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES, ...(signal && { signal }) });
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
