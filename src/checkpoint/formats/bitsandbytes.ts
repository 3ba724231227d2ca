// bitsandbytes: which modules are stored in 4 bits (nf4, fp4) or 8 bits (LLM.int8), and what of its settings is read.
// Source: bitsandbytes 0.50.2, Transformers 5.24.0 `BitsAndBytesConfig`.
import type { CheckpointTensor } from '../checkpoint-tensor.ts';
import { decodeFourBit, FOUR_BIT_PARTS } from './bitsandbytes-4bit.ts';
import { decodeInt8, INT8_PARTS } from './bitsandbytes-8bit.ts';
import { type FormatReader, notRead } from './format.ts';
import { oneOf, refuseSet, refuseUnknown } from './settings.ts';
import { heldAgainstSkipped } from './skipped-modules.ts';
import { findPart } from './stored-parts.ts';

/**
 * Read, or without influence on a stored weight: the compute dtype, the threshold and the offload are about activations and devices; type
 * and nesting of 4-bit codes are in each tensor's own quant_state.
 */
const KNOWN = [
  ...['quant_method', 'load_in_4bit', 'load_in_8bit', '_load_in_4bit', '_load_in_8bit', 'llm_int8_skip_modules'],
  ...['llm_int8_threshold', 'llm_int8_enable_fp32_cpu_offload', 'llm_int8_has_fp16_weight'],
  ...['bnb_4bit_compute_dtype', 'bnb_4bit_quant_storage', 'bnb_4bit_quant_type', 'bnb_4bit_use_double_quant'],
];

const INT8_NOTE = 'activations are quantised too by LLM.int8, which is not emulated: only the weights are';

/** quant_method `bitsandbytes`. @throws InputError, UnsupportedError `QUANTISED_*`. */
export const readBitsAndBytes: FormatReader = (weights) => {
  const { path, settings, stored, expected } = weights;
  refuseUnknown(path, 'quantization_config', settings, KNOWN);
  const why = 'weights are kept in float16 and quantised anew at each use';
  refuseSet(path, 'quantization_config', settings, 'llm_int8_has_fp16_weight', why);
  oneOf(path, 'quantization_config', settings, 'bnb_4bit_quant_storage', ['uint8'], 'uint8');
  const tensors = new Map<string, CheckpointTensor>(stored);
  const formats = new Set<string>();
  const quantised: string[] = [];
  let hasInt8 = false;
  for (const [name, shape] of expected) {
    const codes = findPart(stored, name);
    if (codes === undefined || (codes.dtype !== 'U8' && codes.dtype !== 'I8')) continue;
    const isInt8 = codes.dtype === 'I8';
    const tensor = isInt8 ? decodeInt8(weights, codes, shape) : decodeFourBit(weights, codes, shape);
    hasInt8 ||= isInt8;
    formats.add(tensor.format);
    quantised.push(name);
    const module = name.slice(0, -'.weight'.length);
    for (const part of INT8_PARTS) if (isInt8) tensors.delete(`${module}.${part}`);
    for (const part of FOUR_BIT_PARTS) if (!isInt8) tensors.delete(`${name}.${part}`);
    tensors.set(name, tensor);
  }
  if (quantised.length === 0)
    throw notRead(path, 'no weight is stored as codes of bitsandbytes', 'neither U8 nor I8', 'U8 or I8');
  return {
    tensors,
    encoding: `bitsandbytes ${[...formats].sort().join(' and ')}`,
    notes: [...(hasInt8 ? [INT8_NOTE] : []), ...heldAgainstSkipped(weights, 'llm_int8_skip_modules', quantised)],
  };
};
