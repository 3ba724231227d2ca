// What a reader of a quantised format is: tensors of the files in, tensors of the model out.
import { UnsupportedError } from '../../errors.ts';
import type { CheckpointTensor, PlainTensor } from '../checkpoint-tensor.ts';

/** A folder whose config.json says how its weights are stored. */
export interface StoredWeights {
  /** Of config.json, for messages. */
  readonly path: string;
  /** The entry `quantization_config` (`compression_config`, `quantization`) as written. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Every tensor of the weight files, under its name there. */
  readonly stored: ReadonlyMap<string, PlainTensor>;
  /** Every tensor of the model with its shape; matrices are [out, in]. */
  readonly expected: ReadonlyMap<string, readonly number[]>;
}

export interface DecodedWeights {
  /** Names of the model -> decoded tensors; what the format leaves plain is passed on, what it does not use as well (and refused later). */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** One line for reports, such as `GPTQ, 4 bits, groups of 128, desc_act`. */
  readonly encoding: string;
  /** What a report has to say, such as that activations are quantised too and that this is not emulated. */
  readonly notes: readonly string[];
}

/** @throws InputError, UnsupportedError `QUANTISED_*` for fields and values that are not understood, by name. */
export type FormatReader = (weights: StoredWeights) => DecodedWeights;

/** What of a format is not read: the error names the field or tensor and what it holds. */
export function notRead(path: string, what: string, found: string, wanted: string): UnsupportedError {
  return new UnsupportedError(`${path}: ${what}.`, {
    code: 'QUANTISED_UNSUPPORTED',
    facts: { found, wanted },
    hint: 'dequantise the checkpoint with the program that made it and save it as BF16, or name another variant',
  });
}
