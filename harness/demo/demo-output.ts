// The file of --out: refused before the run where it could not be written after it, never half written.
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';
import { InputError, UsageError } from '../../src/errors.ts';
import { replaceFile } from '../../src/files/replace-file.ts';

/** @throws UsageError `FILE_EXISTS` unless forced, InputError `FILE_WRITE` where the folder takes no files. */
export function requireWritable(file: string, isForced: boolean): void {
  if (existsSync(file) && !isForced) {
    throw new UsageError(`${file} exists.`, {
      code: 'FILE_EXISTS',
      hint: 'give another --out, or replace it with --force.',
    });
  }
  guardWrite(file, () => accessSync(path.dirname(file), constants.W_OK));
}

/** Writes or replaces the file. @throws InputError `FILE_WRITE` if the disk refuses. */
export function writeOutput(file: string, text: string): void {
  guardWrite(file, () => replaceFile(file, text));
}

function guardWrite(file: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new InputError(`${file}: the output cannot be written.`, {
      code: 'FILE_WRITE',
      facts: { found: (cause as Error).message },
      hint: 'give another --out, in a folder that exists and has space.',
      cause,
    });
  }
}
