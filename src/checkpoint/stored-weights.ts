// From the tensors of a folder's weight files to those of the model: decoded where config.json says that they are quantised.

import { isFloatDtype } from '../tensor/dtypes.ts';
import type { CheckpointTensor, PlainTensor } from './checkpoint-tensor.ts';
import type { ModelConfig } from './config.ts';
import { readerOf } from './formats/readers.ts';
import { quantisationOf } from './model-identity.ts';
import { expectedTensors } from './tensor-names.ts';

export interface ModelTensors {
  readonly found: ReadonlyMap<string, CheckpointTensor>;
  /** Undefined for plain weights. */
  readonly encoding:
    | { readonly name: string /** Decides the values together with the files. */; readonly key: string }
    | undefined;
  readonly notes: readonly string[];
}

/**
 * @param json - config.json, already found to be a Qwen2 model's.
 * @throws InputError, UnsupportedError of the format's reader.
 */
export function modelTensors(
  path: string,
  json: unknown,
  config: ModelConfig,
  stored: ReadonlyMap<string, PlainTensor>,
): ModelTensors {
  const quantisation = quantisationOf(path, json);
  const isPlain = [...stored.values()].every(({ dtype }) => isFloatDtype(dtype));
  const read = quantisation === undefined ? undefined : readerOf(quantisation.method);
  if (quantisation === undefined || read === undefined || isPlain)
    return { found: stored, encoding: undefined, notes: [] };
  const { settings } = quantisation;
  const { tensors, encoding, notes } = read({ path, settings, stored, expected: expectedTensors(config) });
  return { found: tensors, encoding: { name: encoding, key: JSON.stringify(settings) }, notes };
}
