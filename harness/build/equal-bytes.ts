// vitest set-up: typed arrays of equal bytes are equal at once; vitest itself compares them number by number, at ten microseconds each.
import { expect } from 'vitest';

/**
 * Says yes to what vitest would find equal as well, and nothing to all else: whether that is equal, and what a failure shows, is left
 * to vitest. (Bytes that differ may be equal: a NaN of another payload.)
 */
export function haveEqualBytes(a: unknown, b: unknown): true | undefined {
  if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b)) return undefined;
  if (a.constructor !== b.constructor || a.byteLength !== b.byteLength) return undefined;
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0 ? true : undefined;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Files of a kind share a process, which asks each tester for each value that is compared: one is enough. */
const ADDED = Symbol.for('qwen-pcc:equal-bytes');
const shared = globalThis as { [ADDED]?: true };
if (shared[ADDED] === undefined) {
  shared[ADDED] = true;
  expect.addEqualityTesters([haveEqualBytes]);
}
