// The element types of GGUF tensors: their numbers, and of those that are read, how many elements a block has in how many bytes.
// Source: gguf-py 0.19.0, constants.py (GGMLQuantizationType, GGML_QUANT_SIZES, LlamaFileType); ggml.h for numbers that are retired.

/** Elements and bytes of one block, along a row. */
export interface BlockSize {
  readonly elements: number;
  readonly bytes: number;
}

/** The types that are read. */
export type GgufType = 'F32' | 'F16' | 'BF16' | ShortBlock | KBlock;
type ShortBlock = 'Q4_0' | 'Q4_1' | 'Q5_0' | 'Q5_1' | 'Q8_0';
type KBlock = 'Q2_K' | 'Q3_K' | 'Q4_K' | 'Q5_K' | 'Q6_K';

export const BLOCK_SIZES: Readonly<Record<GgufType, BlockSize>> = {
  F32: { elements: 1, bytes: 4 },
  F16: { elements: 1, bytes: 2 },
  BF16: { elements: 1, bytes: 2 },
  Q4_0: { elements: 32, bytes: 18 },
  Q4_1: { elements: 32, bytes: 20 },
  Q5_0: { elements: 32, bytes: 22 },
  Q5_1: { elements: 32, bytes: 24 },
  Q8_0: { elements: 32, bytes: 34 },
  Q2_K: { elements: 256, bytes: 84 },
  Q3_K: { elements: 256, bytes: 110 },
  Q4_K: { elements: 256, bytes: 144 },
  Q5_K: { elements: 256, bytes: 176 },
  Q6_K: { elements: 256, bytes: 210 },
};

export function isReadType(name: string): name is GgufType {
  return Object.hasOwn(BLOCK_SIZES, name);
}

/** Names by number; those without an entry above are refused under this name. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  ...{ 0: 'F32', 1: 'F16', 2: 'Q4_0', 3: 'Q4_1', 4: 'Q4_2 (retired)', 5: 'Q4_3 (retired)', 6: 'Q5_0', 7: 'Q5_1' },
  ...{ 8: 'Q8_0', 9: 'Q8_1', 10: 'Q2_K', 11: 'Q3_K', 12: 'Q4_K', 13: 'Q5_K', 14: 'Q6_K', 15: 'Q8_K', 16: 'IQ2_XXS' },
  ...{ 17: 'IQ2_XS', 18: 'IQ3_XXS', 19: 'IQ1_S', 20: 'IQ4_NL', 21: 'IQ3_S', 22: 'IQ2_S', 23: 'IQ4_XS', 24: 'I8' },
  ...{ 25: 'I16', 26: 'I32', 27: 'I64', 28: 'F64', 29: 'IQ1_M', 30: 'BF16', 31: 'Q4_0_4_4 (retired)' },
  ...{ 32: 'Q4_0_4_8 (retired)', 33: 'Q4_0_8_8 (retired)', 34: 'TQ1_0', 35: 'TQ2_0', 36: 'IQ4_NL_4_4 (retired)' },
  ...{ 37: 'IQ4_NL_4_8 (retired)', 38: 'IQ4_NL_8_8 (retired)', 39: 'MXFP4', 40: 'NVFP4', 41: 'Q1_0' },
};

export function typeName(type: number): string {
  return TYPE_NAMES[type] ?? `type ${type}`;
}

/** What llama-quantize was asked for, by `general.file_type`; the types of the tensors decide. */
const FILE_TYPES: Readonly<Record<number, string>> = {
  ...{ 0: 'F32', 1: 'F16', 2: 'Q4_0', 3: 'Q4_1', 7: 'Q8_0', 8: 'Q5_0', 9: 'Q5_1', 10: 'Q2_K', 11: 'Q3_K_S' },
  ...{ 12: 'Q3_K_M', 13: 'Q3_K_L', 14: 'Q4_K_S', 15: 'Q4_K_M', 16: 'Q5_K_S', 17: 'Q5_K_M', 18: 'Q6_K', 21: 'Q2_K_S' },
  32: 'BF16',
};

export function fileTypeName(type: unknown): string | undefined {
  return typeof type === 'number' ? FILE_TYPES[type] : undefined;
}
