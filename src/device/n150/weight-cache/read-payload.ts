// Reads the tiles of a cache file into memory that is already there, while the calling thread does something else.
import { close, read } from 'node:fs';
import { CACHE_HEADER_BYTES, type CacheFileHeader, type CacheIdentity, openCacheFile } from './cache-file.ts';

/** One read call's most: Linux stops at 2^31 - 4096 bytes. */
const READ_BYTES_MAX = 1 << 30;

/** What the tiles were read from, or why they were not, in a few words. */
export type PayloadRead =
  | { readonly header: CacheFileHeader; readonly stamp: string; readonly problem?: undefined }
  | { readonly problem: string };

/**
 * Fills `tiles` from the file if its header is of that identity. The file is opened and its first read handed to the thread pool before
 * this returns: a matrix below 1 GiB arrives even while the calling thread computes without a pause.
 */
export function readPayload(path: string, identity: CacheIdentity, tiles: Uint8Array): Promise<PayloadRead> {
  const opened = openCacheFile(path, identity);
  if (opened.problem !== undefined) return Promise.resolve(opened);
  const { file, header, stamp } = opened;
  return new Promise((resolve) => {
    const finish = (outcome: PayloadRead): void => close(file, () => resolve(outcome));
    const readFrom = (done: number): void => {
      const length = Math.min(tiles.length - done, READ_BYTES_MAX);
      read(file, tiles, done, length, CACHE_HEADER_BYTES + done, (error, bytes) => {
        if (error !== null) finish({ problem: error.message });
        else if (bytes === 0) finish({ problem: 'truncated' });
        else if (done + bytes < tiles.length) readFrom(done + bytes);
        else finish({ header, stamp });
      });
    };
    readFrom(0);
  });
}
