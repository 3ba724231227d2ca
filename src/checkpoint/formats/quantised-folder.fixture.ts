// Whole checkpoint folders out of fixtures/quantised: the tensors that are stored there in a format, and tiny-qwen2's for the rest.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dtype } from '../../tensor/dtypes.ts';
import { FIXTURES } from '../checkpoint.fixture.ts';
import { type CheckpointTensor, type PlainTensor, readTensorRows, sidesOf } from '../checkpoint-tensor.ts';
import { parseModelConfig } from '../config.ts';
import { readSafetensorsHeader, readTensor, type TensorToWrite, writeSafetensors } from '../safetensors.ts';
import { expectedTensors } from '../tensor-names.ts';
import type { StoredWeights } from './format.ts';

export const QUANTISED: string = join(FIXTURES, 'quantised');
const TINY = join(FIXTURES, 'tiny-qwen2');
const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;

/** Assembles a checkpoint folder below `scratch`: config and quantised tensors of the fixture, the rest from tiny-qwen2. */
export function quantisedFolder(name: string, scratch: string): string {
  const folder = mkdtempSync(join(scratch, `${name}-`));
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json']) {
    copyFileSync(join(TINY, file), join(folder, file));
  }
  copyFileSync(join(QUANTISED, name, 'config.json'), join(folder, 'config.json'));
  copyFileSync(join(QUANTISED, name, 'quantised.safetensors'), join(folder, SHARDS[0]));
  const quantised = readSafetensorsHeader(join(folder, SHARDS[0]));
  const tiny = readSafetensorsHeader(join(TINY, 'model.safetensors'));
  const decoded = new Set(Object.keys(expectedDigests(name)));
  const plain = [...tiny.tensors].filter(([tensor]) => !decoded.has(tensor) && !quantised.tensors.has(tensor));
  const tensors = plain.map(([tensor, { dtype, shape }]) => {
    return { name: tensor, dtype, shape, data: readTensor(tiny, tensor).bytes };
  });
  writeSafetensors(join(folder, SHARDS[1]), tensors, { format: 'pt' });
  const map = [
    ...[...quantised.tensors.keys()].map((tensor) => [tensor, SHARDS[0]]),
    ...plain.map(([tensor]) => [tensor, SHARDS[1]]),
  ];
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: Object.fromEntries(map) }));
  return folder;
}

/** Tensor -> hex sha256 of its float32 bytes as the format's own library dequantises them. */
export function expectedDigests(name: string): Readonly<Record<string, string>> {
  const { float32_sha256 } = JSON.parse(readFileSync(join(QUANTISED, name, 'expected.json'), 'utf8')) as {
    float32_sha256: Record<string, string>;
  };
  return float32_sha256;
}

/** What a reader is given for a fixture's folder, quantised tensors only. */
export function storedWeights(name: string, settingsKey = 'quantization_config'): StoredWeights {
  const path = join(QUANTISED, name, 'config.json');
  const json = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const { [settingsKey]: settings, ...model } = json;
  delete model['quantization_config'];
  delete model['quantization'];
  return {
    path,
    settings: settings as Record<string, unknown>,
    stored: plainTensors(join(QUANTISED, name, 'quantised.safetensors')),
    expected: expectedTensors(parseModelConfig(model)),
  };
}

/** Every tensor of a safetensors file. */
export function plainTensors(file: string): Map<string, PlainTensor> {
  return new Map(
    [...readSafetensorsHeader(file).tensors].map(([name, entry]) => [name, { ...entry, kind: 'plain', file }]),
  );
}

let files = 0;

/** Tensors of a test's own, as a file of theirs holds them. */
export function writtenTensors(
  scratch: string,
  tensors: Readonly<Record<string, readonly [dtype: Dtype, shape: readonly number[], data: ArrayBufferView]>>,
): Map<string, PlainTensor> {
  mkdirSync(scratch, { recursive: true });
  const file = join(scratch, `tensors-${files++}.safetensors`);
  const list = Object.entries(tensors).map(
    ([name, [dtype, shape, data]]): TensorToWrite => ({ name, dtype, shape, data }),
  );
  writeSafetensors(file, list);
  return plainTensors(file);
}

/** Hex sha256 of a tensor's values, little-endian float32. */
export function digestOf(values: Float32Array): string {
  return createHash('sha256').update(bytesOf(values)).digest('hex');
}

/** Rows at either end of a tensor that are read in cuts. */
const CUT_ROWS = 60;

/** The values of a tensor, read whole; its first and last rows also singly and in odd cuts, which have to be the same bits. */
export function valuesOfEveryCut(tensor: CheckpointTensor): Float32Array {
  const [rows, columns] = sidesOf(tensor);
  const whole = readTensorRows(tensor, 0, rows);
  for (const cut of [1, 3, 7, 50]) {
    // From the end, so that what a reader keeps is not always what comes next.
    for (let first = cut * Math.floor((rows - 1) / cut); first >= 0; first -= cut) {
      if (first >= CUT_ROWS && first < rows - CUT_ROWS) continue;
      const part = readTensorRows(tensor, first, Math.min(cut, rows - first));
      const wanted = whole.subarray(first * columns, first * columns + part.length);
      if (Buffer.compare(bytesOf(part), bytesOf(wanted)) !== 0) {
        throw new Error(`${tensor.file}: rows from ${first} on, in cuts of ${cut}, differ from the whole`);
      }
    }
  }
  return whole;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
