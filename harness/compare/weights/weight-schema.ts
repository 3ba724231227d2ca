// The JSON of a comparison of weights, checked and described as JSON Schema.
import { z } from 'zod';
import {
  DIAGNOSES,
  RELATIONS,
  type Sides,
  TENSOR_STATES,
  type TensorComparison,
  type WeightComparison,
} from './weight-comparison.ts';

const count = z.int().min(0);
const number = z.number();

function sides<T>(value: z.ZodType<T>): z.ZodType<Sides<T>> {
  return z.strictObject({ base: value, variant: value });
}

const TensorSchema: z.ZodType<TensorComparison> = z.strictObject({
  name: z.string(),
  shape: z.array(count),
  storedAs: sides(z.string()),
  bytes: sides(count),
  bitsPerWeight: sides(number),
  state: z.enum(TENSOR_STATES),
  sqnrDb: number.nullable(),
  sqnrUnfoldedDb: number.nullable(),
  relativeL2: number.nullable(),
  cosine: number.nullable(),
  gain: number.nullable(),
  changedShare: number.min(0).max(1),
  largestError: z
    .strictObject({
      error: number,
      base: number,
      variant: number,
      row: count,
      column: count,
      tile: z.strictObject({ k: count, n: count }).nullable(),
      core: z.strictObject({ core: count, cores: count }).nullable(),
    })
    .nullable(),
  zeroRows: count,
  zeroColumns: count,
  zeroTiles: count,
  constantTiles: count,
  tileGain: z.strictObject({ min: number, max: number }).nullable(),
  notFinite: count,
  beyondFloat16: count,
  diagnoses: z.array(z.strictObject({ kind: z.enum(DIAGNOSES), sentence: z.string() })),
});

const CheckpointFactsSchema = z.strictObject({
  name: z.string(),
  encoding: z.string().nullable(),
  bytes: count,
  weights: count,
  bitsPerWeight: number,
});

export const WeightComparisonSchema: z.ZodType<WeightComparison> = z.strictObject({
  schemaVersion: z.literal(1),
  base: CheckpointFactsSchema,
  variant: CheckpointFactsSchema,
  relation: z.enum(RELATIONS),
  headline: z.string(),
  notes: z.array(z.string()),
  tensors: z.array(TensorSchema),
});

/** JSON Schema (draft 2020-12). */
export function weightComparisonJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(WeightComparisonSchema, { io: 'input', reused: 'ref' });
  return { $schema, title: 'qwen-pcc weights of a variant against its base', version: 1, ...rest };
}
