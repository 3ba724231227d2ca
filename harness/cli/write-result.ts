// A result beside a run, written whole or not at all.
import { writeThenRename } from '../../src/checkpoint/safetensors.ts';

/** @throws InputError FILE_WRITE. */
export function writeResult(file: string, text: string): void {
  writeThenRename(file, (write) => write(Buffer.from(text)));
}
