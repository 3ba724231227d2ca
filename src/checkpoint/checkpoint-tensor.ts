// A tensor of a checkpoint and where its numbers come from: plain elements of a file, or rows that a quantised format is decoded to.
import { ShapeError } from '../errors.ts';
import { elementCount } from '../tensor/dtypes.ts';
import { readFloat32At, type TensorEntry } from './safetensors.ts';

/** Elements as they lie in a file, row-major: `file` is an absolute path, `offsetBytes` counts from its start. */
export interface PlainTensor extends TensorEntry {
  readonly kind: 'plain';
  readonly file: string;
}

/** A tensor that is stored as codes and scales; its rows are float32, as the format's own library dequantises them. */
export interface DecodedTensor {
  readonly kind: 'decoded';
  /** Of the values: a matrix is [out, in], a vector [n]. */
  readonly shape: readonly number[];
  /** How it is stored, as reports name it: `Q4_K`, `GPTQ int4 g128`. */
  readonly format: string;
  /** Where its codes are: for messages. */
  readonly file: string;
  /** All that the files hold for it: codes, scales, zero points. */
  readonly lengthBytes: number;
  /**
   * Decodes rows; a vector is one row. The values of a row do not depend on the rows that are read with it.
   *
   * @param firstRow - with the rows that `out` holds, within the tensor.
   * @param out - [rows, columns] float32, filled whole.
   * @throws InputError if the file cannot be read or its codes are none.
   */
  decodeRows(firstRow: number, out: Float32Array): void;
}

export type CheckpointTensor = PlainTensor | DecodedTensor;

/** Rows and columns; a vector is one row. @throws ShapeError `CHECKPOINT_RANK`. */
export function sidesOf({ shape, file }: Pick<CheckpointTensor, 'shape' | 'file'>): readonly [number, number] {
  const [first, second] = shape;
  if (shape.length === 1) return [1, first!];
  if (shape.length === 2) return [first!, second!];
  throw new ShapeError(`${file}: a tensor of the model is a matrix or a vector.`, {
    code: 'CHECKPOINT_RANK',
    facts: { found: `[${shape.join(', ')}]` },
  });
}

/**
 * Reads rows as float32, exactly as stored.
 *
 * @returns [count, columns]; of a vector, its only row.
 * @throws InputError, UnsupportedError of the file.
 */
export function readTensorRows(tensor: CheckpointTensor, firstRow: number, count: number): Float32Array {
  const [, columns] = sidesOf(tensor);
  if (tensor.kind === 'plain') return readFloat32At(tensor.file, tensor, firstRow * columns, count * columns);
  const rows = new Float32Array(count * columns);
  tensor.decodeRows(firstRow, rows);
  return rows;
}

/** A whole tensor, flattened row-major. */
export function readWholeTensor(tensor: CheckpointTensor): Float32Array {
  if (tensor.kind === 'plain') return readFloat32At(tensor.file, tensor, 0, elementCount(tensor.shape));
  return readTensorRows(tensor, 0, sidesOf(tensor)[0]);
}

/** What a report says that the values are stored as. */
export function storedAs(tensor: CheckpointTensor): string {
  return tensor.kind === 'plain' ? tensor.dtype : tensor.format;
}
