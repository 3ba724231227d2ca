// A checkpoint written again in a quantised format, tensor by tensor: linear layers as codes, everything else in BF16 as it was.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sidesOf } from '../../../../src/checkpoint/checkpoint-tensor.ts';
import type { TensorToWrite } from '../../../../src/checkpoint/safetensors.ts';
import { createSafetensorsStream, type SafetensorsStream } from '../../../../src/checkpoint/safetensors-stream.ts';
import { layerOf } from '../../../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../../../src/checkpoint/weights.ts';
import { bf16PatternsFromValues } from '../../../../src/numerics/bf16.ts';
import { DTYPE_BYTES } from '../../../../src/tensor/dtypes.ts';
import type { VariantFormat } from './variant-format.ts';

const WEIGHT = '.weight';
/** Values of a plain matrix that are in memory at once. */
const PLAIN_VALUES = 1 << 22;
/** Behind tensors of such lengths, one of any dtype begins at a multiple of its size. */
const ALIGNMENT = 8;
const TEXTS = ['generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'];

/**
 * Writes the folder of the format's name below `parent`, in the place of one that is there.
 *
 * @param source - a folder, plain.
 * @returns the folder.
 */
export function writeVariant(source: Checkpoint, format: VariantFormat, parent: string): string {
  const folder = path.join(parent, format.name);
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const config = JSON.parse(readFileSync(path.join(source.folder, 'config.json'), 'utf8')) as object;
  const text = JSON.stringify({ ...config, quantization_config: format.settings }, null, 2);
  writeFileSync(path.join(partial, 'config.json'), `${text}\n`);
  for (const file of TEXTS) {
    const from = path.join(source.folder, file);
    if (existsSync(from)) copyFileSync(from, path.join(partial, file));
  }
  const stream = createSafetensorsStream(path.join(partial, 'model.safetensors'));
  try {
    stream.finish(writeTensors(source, format, stream), { format: 'pt' });
  } finally {
    stream.abort();
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
  return folder;
}

/** @returns what was appended, in order: parts of odd lengths come behind all that need more alignment than they leave. */
function writeTensors(
  source: Checkpoint,
  format: VariantFormat,
  stream: SafetensorsStream,
): Omit<TensorToWrite, 'data'>[] {
  const written: Omit<TensorToWrite, 'data'>[] = [];
  const write = ({ data, ...tensor }: TensorToWrite): void => {
    stream.append(data);
    written.push(tensor);
  };
  const isLinear = (name: string): boolean =>
    layerOf(name) !== undefined && source.tensors.get(name)!.shape.length === 2;
  const late: TensorToWrite[] = [];
  for (const name of source.tensors.keys()) {
    if (!isLinear(name)) continue;
    const [rows, columns] = sidesOf(source.tensors.get(name)!);
    const matrix = { name: name.slice(0, -WEIGHT.length), rows, columns, values: source.readFloat32(name) };
    for (const part of format.quantise(matrix)) {
      if (part.data.byteLength % ALIGNMENT === 0) write(part);
      else late.push(part);
    }
  }
  const ofSize = (isRight: (bytes: number) => boolean): TensorToWrite[] =>
    late.filter(({ dtype }) => isRight(DTYPE_BYTES[dtype]));
  for (const part of [...ofSize((bytes) => bytes === 4), ...ofSize((bytes) => bytes === 2)]) write(part);
  for (const [name, tensor] of source.tensors) {
    if (isLinear(name)) continue;
    for (const values of rowsOf(source, name)) stream.append(bf16PatternsFromValues(values));
    written.push({ name, dtype: 'BF16', shape: tensor.shape });
  }
  for (const part of ofSize((bytes) => bytes === 1)) write(part);
  return written;
}

/** A vector whole, a matrix by some rows. */
function* rowsOf(source: Checkpoint, name: string): Generator<Float32Array> {
  const tensor = source.tensors.get(name)!;
  if (tensor.shape.length === 1) return yield source.readFloat32(name);
  const [rows, columns] = sidesOf(tensor);
  const atOnce = Math.max(1, Math.floor(PLAIN_VALUES / columns));
  for (let row = 0; row < rows; row += atOnce) yield source.readRows(name, row, Math.min(atOnce, rows - row));
}
