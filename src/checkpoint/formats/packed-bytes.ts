// What a few tensors need in memory to be decoded, kept as long as it was used lately: for layouts whose rows lie scattered.
import type { PlainTensor } from '../checkpoint-tensor.ts';
import { readBytes } from '../safetensors.ts';

/** The matrices that one step of a model reads by turns: gate and up, or query, key and value, and one more. */
const KEPT = 4;

/**
 * Remembers the results of `make` for the keys that were asked for last.
 *
 * @param make - may throw; then nothing is kept.
 * @returns `make`, or its result of a while ago.
 */
export function recentlyUsed<Key, Value>(make: (key: Key) => Value, kept: number = KEPT): (key: Key) => Value {
  // A Map keeps the order of insertion: the first key is the one that was not asked for longest.
  const values = new Map<Key, Value>();
  return (key) => {
    const value = values.get(key) ?? make(key);
    values.delete(key);
    values.set(key, value);
    for (const oldest of values.keys()) {
      if (values.size <= kept) break;
      values.delete(oldest);
    }
    return value;
  };
}

/** A run of a tensor's bytes as 32-bit words. @throws InputError of the file. */
export function readWords(tensor: PlainTensor, firstWord: number, count: number): Uint32Array {
  const bytes = aligned(readBytes(tensor.file, tensor.offsetBytes + 4 * firstWord, 4 * count));
  return new Uint32Array(bytes.buffer, bytes.byteOffset, count);
}

/** The same bytes where words of 32 bits may begin: small buffers come out of a pool, at any offset. */
export function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
}
