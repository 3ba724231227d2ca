// The formats of the real model's league, in the order of its rows.
import { FP8_BLOCK, NF4_DOUBLE } from './float-formats.ts';
import { AWQ_INT4, GPTQ_INT4, W8A16 } from './integer-formats.ts';
import type { VariantFormat } from './variant-format.ts';

export const VARIANT_FORMATS: readonly VariantFormat[] = [W8A16, FP8_BLOCK, NF4_DOUBLE, GPTQ_INT4, AWQ_INT4];
