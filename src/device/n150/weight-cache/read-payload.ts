// Reads the tiles of a cache file into memory that is already there, while the calling thread does something else.
import { close, openSync, read } from 'node:fs';
import { InputError } from '../../../errors.ts';
import { CACHE_HEADER_BYTES } from './cache-file.ts';

/** One read call's most: Linux stops at 2^31 - 4096 bytes. */
const READ_BYTES_MAX = 1 << 30;

/**
 * Fills `tiles` from the file. The file is opened and its first read handed to the thread pool before this returns: a matrix below
 * 1 GiB arrives even while the calling thread computes without a pause.
 *
 * @throws InputError `WEIGHT_CACHE_READ` if the file cannot be read or ends early.
 */
export function readPayload(path: string, tiles: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (found: string, cause?: unknown): void =>
      reject(
        new InputError(`${path}: the cached weights cannot be read.`, {
          code: 'WEIGHT_CACHE_READ',
          facts: { found, wanted: `${tiles.length} bytes of tiles` },
          hint: 'run again: what is damaged or missing is made anew',
          cause,
        }),
      );
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch (error) {
      fail((error as Error).message, error);
      return;
    }
    const finish = (settle: () => void): void => close(file, settle);
    const readFrom = (done: number): void => {
      const length = Math.min(tiles.length - done, READ_BYTES_MAX);
      read(file, tiles, done, length, CACHE_HEADER_BYTES + done, (error, bytes) => {
        if (error !== null) finish(() => fail(error.message, error));
        else if (bytes === 0) finish(() => fail(`${done} bytes`));
        else if (done + bytes < tiles.length) readFrom(done + bytes);
        else finish(resolve);
      });
    };
    readFrom(0);
  });
}
