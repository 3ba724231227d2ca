// Block decoders: every bit of what gguf-py dequantises, of random blocks with extreme scales among them.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensor, readTensorFloat32 } from '../../safetensors.ts';
import { DECODERS } from './blocks.ts';
import { GGUF_FOLDER } from './gguf-file.fixture.ts';
import { BLOCK_SIZES } from './types.ts';

const vectors = readSafetensorsHeader(join(GGUF_FOLDER, 'blocks.safetensors'));

/** NaN is NaN: its sign and payload belong to the processor. */
function bitsOf(values: Float32Array): Uint32Array {
  const bits = new Uint32Array(values.slice().buffer);
  for (let i = 0; i < bits.length; i++) if (Number.isNaN(values[i])) bits[i] = 0x7fc0_0000;
  return bits;
}

const isSame = (a: Float32Array, b: Float32Array): boolean =>
  a.length === b.length && Buffer.from(bitsOf(a).buffer).equals(Buffer.from(bitsOf(b).buffer));

describe.each(Object.entries(DECODERS))('%s', (type, decode) => {
  const { elements, bytes } = BLOCK_SIZES[type as keyof typeof DECODERS];
  const { bytes: blocks } = readTensor(vectors, `${type}.blocks`);
  const golden = readTensorFloat32(vectors, `${type}.values`);
  const count = blocks.length / bytes;

  it(`gives the bits of gguf-py for ${count} blocks`, () => {
    const actual = new Float32Array(golden.length);
    decode(blocks, actual);
    expect(golden.length).toBe(count * elements);
    expect(isSame(actual, golden)).toBe(true);
  });

  it('meets scales of zero, subnormal, largest, infinite and NaN', () => {
    expect(golden.some((value) => Number.isNaN(value))).toBe(true);
    expect(golden.some((value) => Math.abs(value) === Number.POSITIVE_INFINITY)).toBe(true);
    expect(golden.includes(0)).toBe(true);
    expect(golden.some((value) => value !== 0 && Math.abs(value) < 2 ** -14)).toBe(true);
    expect(golden.filter((value) => Number.isFinite(value) && value !== 0).length).toBeGreaterThan(count);
  });

  it('gives a block the same values alone as among others, wherever it lies in memory', () => {
    for (let block = 0; block < count; block++) {
      const moved = new Uint8Array(bytes + 1).subarray(1);
      moved.set(blocks.subarray(block * bytes, (block + 1) * bytes));
      const actual = new Float32Array(elements);
      decode(moved, actual);
      expect(isSame(actual, golden.slice(block * elements, (block + 1) * elements)), `block ${block}`).toBe(true);
    }
  });
});
