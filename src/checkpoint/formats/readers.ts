// Which reader a checkpoint folder needs: by quant_method of config.json, as Transformers chooses its quantiser.

import { readAwq } from './awq.ts';
import { readBitsAndBytes } from './bitsandbytes.ts';
import { readCompressedTensors } from './compressed-tensors/compressed-tensors.ts';
import type { FormatReader } from './format.ts';
import { readFbgemmFp8, readFp8 } from './fp8.ts';
import { readGptq } from './gptq.ts';
import { readMlx } from './mlx.ts';

/** Keys of config.json that say how weights are stored, the first that is there counts. */
export const SETTINGS_KEYS = ['quantization_config', 'compression_config', 'quantization'] as const;

/** quant_method -> its reader. */
const READERS: Readonly<Record<string, FormatReader>> = {
  bitsandbytes: readBitsAndBytes,
  fbgemm_fp8: readFbgemmFp8,
  fp8: readFp8,
  mlx: readMlx,
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
