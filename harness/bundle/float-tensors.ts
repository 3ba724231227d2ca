// Named rows of float32 as a safetensors file in memory.
import { encodeSafetensorsHeader } from '../../src/checkpoint/safetensors.ts';
import { parseSafetensorsHeader } from '../../src/checkpoint/safetensors-header.ts';
import { InputError } from '../../src/errors.ts';

export type FloatTensors = ReadonlyMap<string, Float32Array>;

/** [n] F32 each, in their order. */
export function encodeFloatTensors(tensors: FloatTensors): Uint8Array {
  const entries = Array.from(tensors, ([name, { length }]) => ({ name, dtype: 'F32' as const, shape: [length] }));
  const data = Array.from(tensors.values(), ({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  );
  return Buffer.concat([encodeSafetensorsHeader(entries, {}), ...data]);
}

/**
 * @param path - for messages.
 * @throws InputError `SAFETENSORS_*`; BUNDLE_BROKEN for tensors that are no rows of float32.
 */
export function decodeFloatTensors(path: string, bytes: Buffer): FloatTensors {
  const headerBytes = bytes.length < 8 ? Number.POSITIVE_INFINITY : Number(bytes.readBigUInt64LE(0));
  if (8 + headerBytes > bytes.length) throw noRows(path, `${bytes.length} bytes`);
  const text = bytes.toString('utf8', 8, 8 + headerBytes);
  const { tensors } = parseSafetensorsHeader(path, text, 8 + headerBytes, bytes.length);
  return new Map(
    Array.from(tensors, ([name, { dtype, shape, offsetBytes, lengthBytes }]) => {
      if (dtype !== 'F32' || shape.length !== 1) throw noRows(path, `${name}: ${dtype} [${shape.join(', ')}]`);
      const values = new Float32Array(lengthBytes / 4);
      bytes.copy(new Uint8Array(values.buffer), 0, offsetBytes, offsetBytes + lengthBytes);
      return [name, values];
    }),
  );
}

function noRows(path: string, found: string): InputError {
  return new InputError(`${path}: these are no rows of a bundle.`, {
    code: 'BUNDLE_BROKEN',
    facts: { found, wanted: 'safetensors with rows of F32' },
    hint: 'write the bundle anew with `qwen-pcc inspect --token N --bundle FILE`.',
  });
}
