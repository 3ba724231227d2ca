// A safetensors file whose tensors arrive piece by piece, their lengths known only at the end.
import { closeSync, openSync, readSync, rmSync } from 'node:fs';
import { InputError, InternalError } from '../errors.ts';
import { writeFully } from '../files/replace-file.ts';
import { DTYPE_BYTES, elementCount } from '../tensor/dtypes.ts';
import { encodeSafetensorsHeader, type TensorToWrite, writeThenRename } from './safetensors.ts';

const COPY_BYTES = 1 << 22;

/** Streams so far: a process may write one file twice at once. */
let streams = 0;

export interface SafetensorsStream {
  /** Appends bytes of the tensor that is being written. */
  append(data: ArrayBufferView): void;
  /** Names everything appended, in that order, and puts the file in place. */
  finish(tensors: readonly Omit<TensorToWrite, 'data'>[], metadata: Readonly<Record<string, string>>): void;
  /** Removes what was written and may be called at any time, again too; the file at `path` stays as it was. */
  abort(): void;
}

/**
 * The data goes to a temporary file beside `path`, since a safetensors file begins with the lengths of everything in it.
 *
 * @throws InputError `FILE_WRITE` if the disk refuses.
 */
export function createSafetensorsStream(path: string): SafetensorsStream {
  const temporary = `${path}.${process.pid}.${streams++}.data.tmp`;
  const file = refuseAsInput(path, () => openSync(temporary, 'w+'));
  let bytes = 0;
  let isOpen = true;
  const abort = (): void => {
    if (!isOpen) return;
    isOpen = false;
    closeSync(file);
    rmSync(temporary, { force: true });
  };
  return {
    append(data) {
      refuseAsInput(path, () => writeFully(file, data));
      bytes += data.byteLength;
    },
    finish(tensors, metadata) {
      const declared = tensors.reduce((sum, { dtype, shape }) => sum + elementCount(shape) * DTYPE_BYTES[dtype], 0);
      if (declared !== bytes) {
        abort();
        throw new InternalError(`${path}: the tensors declared are not the bytes appended.`, {
          code: 'SAFETENSORS_STREAM',
          facts: { declared, appended: bytes },
        });
      }
      try {
        writeThenRename(path, (write) => {
          write(encodeSafetensorsHeader(tensors, metadata));
          const chunk = Buffer.allocUnsafe(COPY_BYTES);
          for (let done = 0; done < bytes; ) {
            const got = readSync(file, chunk, 0, COPY_BYTES, done);
            if (got === 0) throw shrunk(path, done, bytes);
            write(chunk.subarray(0, got));
            done += got;
          }
        });
      } finally {
        abort();
      }
    },
    abort,
  };
}

/** Somebody else cut the temporary file; without this the copy would read nothing for ever. */
function shrunk(path: string, found: number, wanted: number): InputError {
  return new InputError(`${path}: the data written so far has become shorter.`, {
    code: 'FILE_WRITE',
    facts: { found: `${found} bytes`, wanted: `${wanted} bytes` },
    hint: 'let nothing else write beside this file, and write it again',
  });
}

function refuseAsInput<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new InputError(`${path}: the file could not be written.`, {
      code: 'FILE_WRITE',
      facts: { found: (cause as Error).message },
      hint: 'check the folder, its permissions and the free space',
      cause,
    });
  }
}
