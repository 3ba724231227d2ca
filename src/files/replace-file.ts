// Writes a whole file under another name first, to the disk, then renames: nobody ever reads half of it, and neither a crash nor a
// full disk costs the file that was there.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

/** Linux stops a single write at 2^31 - 4096 bytes. */
const WRITE_BYTES_MAX = 1 << 30;

/** Temporary files so far: a process may write one file twice at once. */
let temporaryFiles = 0;

export type WriteBytes = (data: ArrayBufferView) => void;
/** Over what was written already, from byte `at` on. */
export type RewriteBytes = (at: number, data: Uint8Array) => void;

/**
 * @param content - the text or bytes, or what writes them piece by piece.
 * @throws the system's error or what `content` throws; the temporary file is gone then.
 */
export function replaceFile(
  path: string,
  content: string | ArrayBufferView | ((write: WriteBytes, rewrite: RewriteBytes) => void),
): void {
  const temporary = `${path}.${process.pid}.${temporaryFiles++}.tmp`;
  try {
    const file = openSync(temporary, 'w');
    try {
      if (typeof content === 'function')
        content(
          (data) => writeFully(file, data),
          (at, data) => writeFullyAt(file, at, data),
        );
      else writeFully(file, typeof content === 'string' ? Buffer.from(content) : content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Writes all bytes of a view; a single write may take fewer. */
export function writeFully(file: number, data: ArrayBufferView): void {
  for (let done = 0; done < data.byteLength; ) {
    const take = Math.min(WRITE_BYTES_MAX, data.byteLength - done);
    done += writeSync(file, new Uint8Array(data.buffer, data.byteOffset + done, take));
  }
}

/** The same from byte `at` of the file on. */
export function writeFullyAt(file: number, at: number, data: Uint8Array): void {
  for (let done = 0; done < data.length; ) done += writeSync(file, data, done, data.length - done, at + done);
}
