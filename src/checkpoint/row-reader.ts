// Rows of checkpoint matrices as stored, read into memory that is there already while the calling thread works.
import { type FileHandle, open } from 'node:fs/promises';
import { QwenPccError } from '../errors.ts';
import type { PlainTensor } from './checkpoint-tensor.ts';
import { requireRegularFile, unreadable } from './files.ts';
import { broken } from './safetensors-header.ts';

/** Some rows of one matrix. */
export interface PlainRows {
  readonly tensor: PlainTensor;
  readonly firstRow: number;
  readonly rows: number;
}

export interface RowReader {
  /**
   * Fills `target` with whole rows.
   *
   * @param firstRow - counted over all parts.
   * @throws InputError `FILE_UNREADABLE`, `SAFETENSORS_TRUNCATED`.
   */
  read(firstRow: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the rows of several matrices, one after the other, as if they were one.
 *
 * @param rowBytes - of each row of each part.
 * @throws InputError `FILE_UNREADABLE`.
 */
export async function openRows(parts: readonly PlainRows[], rowBytes: number): Promise<RowReader> {
  const handles = new Map<string, FileHandle>();
  const close = async (): Promise<void> => {
    await Promise.all([...handles.values()].map((handle) => handle.close()));
  };
  try {
    for (const { tensor } of parts) {
      if (handles.has(tensor.file)) continue;
      requireRegularFile(tensor.file);
      handles.set(tensor.file, await open(tensor.file, 'r'));
    }
  } catch (cause) {
    await close();
    if (cause instanceof QwenPccError) throw cause;
    throw unreadable((cause as NodeJS.ErrnoException).path ?? parts[0]!.tensor.file, cause);
  }
  return {
    async read(firstRow, target) {
      let done = 0;
      let partStart = 0;
      for (const { tensor, firstRow: firstOfPart, rows } of parts) {
        const skipped = firstRow + done / rowBytes - partStart;
        partStart += rows;
        if (skipped >= rows || done === target.length) continue;
        const bytes = Math.min(target.length - done, (rows - skipped) * rowBytes);
        const offset = tensor.offsetBytes + (firstOfPart + skipped) * rowBytes;
        await readFully(handles.get(tensor.file)!, tensor.file, target.subarray(done, done + bytes), offset);
        done += bytes;
      }
    },
    close,
  };
}

async function readFully(handle: FileHandle, path: string, target: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const read = handle.read(target, done, target.length - done, offset + done);
    const { bytesRead } = await read.catch((cause) => Promise.reject(unreadable(path, cause)));
    if (bytesRead === 0) {
      throw broken(path, 'TRUNCATED', 'the file ends early', {
        found: `${offset + done} bytes`,
        wanted: `${offset + target.length} bytes`,
      });
    }
    done += bytesRead;
  }
}
