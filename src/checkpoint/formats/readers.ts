// Which reader a checkpoint folder needs: by quant_method of config.json, as Transformers chooses its quantiser.
import { readAwq } from './awq.ts';
import { readCompressedTensors } from './compressed-tensors/compressed-tensors.ts';
import type { FormatReader } from './format.ts';
import { readGptq } from './gptq.ts';

/** Keys of config.json that say how weights are stored, the first that is there counts. */
export const SETTINGS_KEYS = ['quantization_config', 'compression_config', 'quantization'] as const;

/** quant_method -> its reader. */
const READERS: Readonly<Record<string, FormatReader>> = {
  awq: readAwq,
  'compressed-tensors': readCompressedTensors,
  gptq: readGptq,
};

/** Names that `readerOf` knows, for messages. */
export const READ_METHODS: readonly string[] = Object.keys(READERS);

/** The reader of a method, or undefined. */
export function readerOf(method: string): FormatReader | undefined {
  return Object.hasOwn(READERS, method) ? READERS[method] : undefined;
}
