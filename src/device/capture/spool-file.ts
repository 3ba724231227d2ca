// Bytes that have to wait for their place in a file: they wait on disk.
import { closeSync, openSync, readSync, rmSync } from 'node:fs';
import { unwritable } from '../../checkpoint/safetensors.ts';
import { writeFully } from '../../files/replace-file.ts';

const COPY_BYTES = 1 << 20;

export interface SpoolFile {
  append(data: ArrayBufferView): void;
  /** Hands out everything in order, in pieces that are valid until `take` returns, and removes the file. */
  drain(take: (piece: Uint8Array) => void): void;
  /** May be called at any time, again too. */
  remove(): void;
}

/** @throws InputError `FILE_WRITE` if the disk refuses. */
export function createSpoolFile(path: string): SpoolFile {
  let file: number | undefined = asInput(path, () => openSync(path, 'w+'));
  let bytes = 0;
  const remove = (): void => {
    if (file === undefined) return;
    closeSync(file);
    file = undefined;
    rmSync(path, { force: true });
  };
  return {
    append(data) {
      asInput(path, () => writeFully(file!, data));
      bytes += data.byteLength;
    },
    drain(take) {
      const piece = Buffer.allocUnsafe(Math.min(COPY_BYTES, bytes));
      for (let done = 0; done < bytes; ) {
        const got = readSync(file!, piece, 0, Math.min(COPY_BYTES, bytes - done), done);
        take(piece.subarray(0, got));
        done += got;
      }
      remove();
    },
    remove,
  };
}

function asInput<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw unwritable(path, cause);
  }
}
