// The tensors that a quantised format stores for one matrix of the model, checked before and while they are read.
import { InputError, listNames } from '../../errors.ts';
import { type Dtype, int32FromBytes, isFloatDtype } from '../../tensor/dtypes.ts';
import type { PlainTensor } from '../checkpoint-tensor.ts';
import { readBytes, readFloat32At } from '../safetensors.ts';

/** A stored tensor and its name in the file. */
export interface StoredPart extends PlainTensor {
  readonly name: string;
}

/** Scales beyond it make codes of a byte infinite. */
const SCALE_MAX = 2 ** 118;

/** What is wrong with a stored tensor. */
export function brokenTensor(
  { file, name }: Pick<StoredPart, 'file' | 'name'>,
  what: string,
  found: string,
  wanted: string,
): InputError {
  return new InputError(`${file}: ${name} ${what}.`, {
    code: 'QUANTISED_TENSOR',
    facts: { found, wanted },
    hint: 'download or write the checkpoint again; compare its quantization_config with that of its origin',
  });
}

/** A stored tensor, or undefined. */
export function findPart(stored: ReadonlyMap<string, PlainTensor>, name: string): StoredPart | undefined {
  const tensor = stored.get(name);
  return tensor === undefined ? undefined : { ...tensor, name };
}

/**
 * A tensor that has to be there.
 *
 * @param beside - a tensor of the same matrix, which names the file.
 * @throws InputError `QUANTISED_TENSOR`.
 */
export function requirePart(
  stored: ReadonlyMap<string, PlainTensor>,
  name: string,
  beside: Pick<StoredPart, 'file' | 'name'>,
): StoredPart {
  const part = findPart(stored, name);
  if (part !== undefined) return part;
  const prefix = name.slice(0, name.lastIndexOf('.') + 1);
  const found = listNames([...stored.keys()].filter((other) => other.startsWith(prefix)));
  throw brokenTensor({ file: beside.file, name }, `is missing, though ${beside.name} is there`, found, name);
}

/** @param shapes - any of them. @throws InputError `QUANTISED_TENSOR`. */
export function requireForm(part: StoredPart, dtypes: readonly Dtype[], ...shapes: (readonly number[])[]): StoredPart {
  const { dtype, shape } = part;
  const isOne = (wanted: readonly number[]): boolean =>
    wanted.length === shape.length && wanted.every((side, axis) => side === shape[axis]);
  if (dtypes.includes(dtype) && shapes.some(isOne)) return part;
  const wanted = shapes.map((sides) => `[${sides.join(', ')}]`).join(' or ');
  throw brokenTensor(
    part,
    'does not fit config.json',
    `${dtype} [${shape.join(', ')}]`,
    `${dtypes.join(' or ')} ${wanted}`,
  );
}

/**
 * A run of scales, widened exactly.
 *
 * @throws InputError `QUANTISED_TENSOR` for one that is zero, infinite or no number: no program writes such, and what they make of the
 *   codes is lost.
 */
export function readScales(part: StoredPart, first: number, count: number): Float32Array {
  const scales = readFloat32At(part.file, part, first, count);
  for (let i = 0; i < count; i++) {
    const size = Math.abs(scales[i]!);
    if (size > 0 && size < SCALE_MAX) continue;
    throw brokenTensor(
      part,
      `has a scale that is ${scales[i]}`,
      `element ${first + i}`,
      'finite scales that are not zero',
    );
  }
  return scales;
}

/** The I32 or I64 elements of a part. @throws InputError `QUANTISED_TENSOR` for one beyond 32 bits. */
export function readIntegers(part: StoredPart): Int32Array {
  const bytes = readBytes(part.file, part.offsetBytes, part.lengthBytes);
  try {
    return int32FromBytes(part.dtype, bytes);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    const { element, found } = cause.facts;
    throw brokenTensor(part, 'has an integer beyond 32 bits', `${found} at element ${element}`, 'an index or a side');
  }
}

/**
 * Biases that the model does not have: AutoGPTQ up to 0.7 gave every layer one, of zeros.
 *
 * @throws InputError `QUANTISED_TENSOR` for one that is not zero.
 */
export function requireZeros(part: StoredPart): void {
  const isZero = isFloatDtype(part.dtype)
    ? readFloat32At(
        part.file,
        part,
        0,
        part.shape.reduce((count, side) => count * side, 1),
      ).every((value) => value === 0)
    : readBytes(part.file, part.offsetBytes, part.lengthBytes).every((byte) => byte === 0);
  if (isZero) return;
  throw brokenTensor(part, 'is no tensor of the model, and is not zero', 'a bias', 'no bias, or one of zeros');
}
