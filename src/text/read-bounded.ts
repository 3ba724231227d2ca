// Reads a file that may be more than anyone wants: a device has no size and no end.
import { closeSync, openSync, readSync } from 'node:fs';

const CHUNK_BYTES = 1 << 20;

/**
 * @returns all bytes; undefined if there are more than `limitBytes`.
 * @throws the system's error.
 */
export function readBounded(path: string, limitBytes: number): Buffer | undefined {
  const file = openSync(path, 'r');
  try {
    const chunks: Buffer[] = [];
    for (let total = 0; total <= limitBytes; ) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const got = readSync(file, chunk);
      if (got === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, got));
      total += got;
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}
