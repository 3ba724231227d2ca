// What becomes of errors of the file system in a run folder: ours, with the file's name and a next step.
import { rmSync } from 'node:fs';
import { InputError } from '../../src/errors.ts';

/** @throws InputError DISK_FULL or WRITE_FAILED. */
export function guardWrite<T>(file: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof InputError)) throw writeError(error, file);
    // What a writer of src could not write: in a run folder there is more to say of it.
    throw error.code === 'FILE_WRITE' ? writeError(error.cause ?? error, file) : error;
  }
}

export function writeError(error: unknown, file: string): InputError {
  const isFull = error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
  return new InputError(`${file}: ${isFull ? 'the disk is full.' : 'cannot be written.'}`, {
    code: isFull ? 'DISK_FULL' : 'WRITE_FAILED',
    facts: { found: messageOf(error) },
    hint: isFull
      ? 'what was judged so far is kept; make room and go on with --resume.'
      : 'choose a folder that can be written to with --out.',
    cause: error,
  });
}

export function readError(error: unknown, file: string): InputError {
  return new InputError(`${file}: cannot be read.`, {
    code: 'FILE_UNREADABLE',
    facts: { found: messageOf(error) },
    hint: 'name the folder of a run that `qwen-pcc validate` made.',
    cause: error,
  });
}

/** Takes a file away whose staying does no harm: on a disk that takes no changes any more, the error before this one says more. */
export function removeIfPossible(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // It stays.
  }
}

/** The code of a system error, e.g. EEXIST; undefined for others. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
