// The float16 scales of GGUF's blocks, widened through a table of all patterns.
import { float32BitsFromF16 } from '../../../tensor/dtypes.ts';

let table: Float32Array | undefined;

/** Made when a first block is read: 256 KB. */
function makeTable(): Float32Array {
  const bits = Uint32Array.from({ length: 65_536 }, (_, pattern) => float32BitsFromF16(pattern));
  return new Float32Array(bits.buffer);
}

/** The little-endian float16 at a byte (exact). */
export function float32FromF16(bytes: Uint8Array, at: number): number {
  table ??= makeTable();
  return table[bytes[at]! | (bytes[at + 1]! << 8)]!;
}
