// Runs of a file's bytes, a piece at a time: no file has to fit into memory.
import { closeSync, openSync, readSync } from 'node:fs';
import { InputError } from '../../src/errors.ts';
import { readError } from '../record/file-errors.ts';

export interface ByteRange {
  readonly at: number;
  readonly bytes: number;
}

const PIECE_BYTES = 1 << 22;

/** @throws InputError FILE_UNREADABLE, for a file that is shorter by now as well. */
export function* readPieces(file: string, ranges: Iterable<ByteRange>): Generator<Buffer> {
  let opened: number | undefined;
  try {
    opened = openFile(file);
    for (const { at, bytes } of ranges) {
      for (let done = 0; done < bytes; done += PIECE_BYTES) {
        yield readAt(file, opened, at + done, Math.min(PIECE_BYTES, bytes - done));
      }
    }
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}

/** @throws InputError FILE_UNREADABLE. */
export function openFile(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (error) {
    throw readError(error, file);
  }
}

/** Exactly so many bytes. @throws InputError FILE_UNREADABLE. */
export function readAt(file: string, opened: number, at: number, bytes: number): Buffer {
  const piece = Buffer.allocUnsafe(bytes);
  try {
    for (let done = 0; done < bytes; ) {
      const got = readSync(opened, piece, done, bytes - done, at + done);
      if (got === 0) throw new Error(`the file ends at byte ${at + done}`);
      done += got;
    }
  } catch (error) {
    throw error instanceof InputError ? error : readError(error, file);
  }
  return piece;
}
