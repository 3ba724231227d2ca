// compare.json: a finished comparison as data, with the schema that it is written and read by.
import { z } from 'zod';
import type { Resampling } from '../../paired/bootstrap.ts';
import { describeSchema } from '../../record/json-schema.ts';
import type { LeagueRow, Margins } from './league.ts';
import type { DeviceStorage, Storage } from './storage.ts';

export const COMPARE_FILE = 'compare.json';
export const COMPARE_SCHEMA_VERSION = '1.0.0';

const share = z.number().min(0).max(1).nullable();
const real = z.number().nullable();
const count = z.int().min(0);

const SummarySchema = z.strictObject({
  tokens: count,
  pccMinimum: real,
  pccP1: real,
  pccMedian: real,
  klMean: real,
  klMedian: real,
  klP99: real,
  top1: share,
  top5: share,
  top100: share,
  realFlips: share,
  regretMean: real,
});

const WordSchema = z.enum(['better', 'worse', 'equivalent', 'undecided']);

const ReadingSchema = z.strictObject({
  metric: z.string(),
  difference: real,
  lower: real,
  upper: real,
  adjustedP: real,
  word: WordSchema,
  text: z.string(),
  tokensNeeded: count.nullable(),
  method: z.string().nullable(),
});

const EntrantSchema = z.strictObject({
  label: z.string().min(1),
  model: z.string(),
  /** Names of the run's variants that hold the rows. */
  variants: z.strictObject({
    checkpoint: z.string().nullable(),
    device: z.string().nullable(),
    total: z.string(),
  }),
  /** Null for a recording, which has no checkpoint of its own. */
  storage: z.strictObject({ bitsPerWeight: z.number(), fileBytes: count, encoding: z.string().nullable() }).nullable(),
  deviceStorage: z
    .strictObject({ weightBytes: count, cacheBytesPerToken: z.number(), tokensPerSecondMax: z.number() })
    .nullable(),
  checkpoint: SummarySchema.nullable(),
  device: SummarySchema.nullable(),
  total: SummarySchema,
  interaction: z.strictObject({ amplified: count, cancelled: count }).nullable(),
  perplexityRatio: z.strictObject({ value: z.number(), lower: z.number(), upper: z.number() }).nullable(),
  classical: z
    .strictObject({
      unit: z.enum(['prompts', 'blocks']),
      signFlipP: z.number(),
      wilcoxonP: real,
      gained: count,
      lost: count,
      mcNemarP: z.number(),
    })
    .nullable(),
  word: z.union([WordSchema, z.literal('base')]),
  text: z.string(),
  readings: z.array(ReadingSchema),
});

export interface CompareEntrant extends LeagueRow {
  /** Names of the run's variants that hold the rows. */
  readonly variants: { readonly checkpoint: string | null; readonly device: string | null; readonly total: string };
  /** Null for a recording, which has no checkpoint of its own. */
  readonly storage: Storage | null;
  readonly deviceStorage: DeviceStorage | null;
}

export interface CompareRecord {
  readonly schemaVersion: string;
  readonly runId: string;
  /** For people: repeats the comparison from the folder it was typed in. */
  readonly command: string;
  /** Label of the base. */
  readonly base: string;
  readonly case: string;
  readonly tokens: number;
  readonly prompts: number;
  /** Prompts that not every entrant has whole. */
  readonly leftOut: readonly string[];
  readonly margins: Margins;
  readonly resampling: Resampling;
  readonly speedFormula: string;
  readonly notes: readonly string[];
  readonly league: readonly CompareEntrant[];
}

export const CompareRecordSchema: z.ZodType<CompareRecord, unknown> = z.strictObject({
  schemaVersion: z
    .string()
    .regex(/^1\./, { error: `this version reads comparisons of schema ${COMPARE_SCHEMA_VERSION}` }),
  runId: z.string().min(1),
  command: z.string(),
  base: z.string().min(1),
  case: z.string().min(1),
  tokens: count,
  prompts: count,
  /** Prompts that not every entrant has whole. */
  leftOut: z.array(z.string()),
  margins: z.strictObject({ klNats: z.number(), top1: z.number() }),
  resampling: z.strictObject({ resamples: count, seed: count }),
  speedFormula: z.string(),
  notes: z.array(z.string()),
  league: z.array(EntrantSchema),
});

/** With a line end. @throws ZodError for a record that is none: a bug. */
export function formatCompareRecord(record: CompareRecord): string {
  return `${JSON.stringify(CompareRecordSchema.parse(record), null, 2)}\n`;
}

/** JSON Schema (draft 2020-12) of compare.json. */
export function compareRecordJsonSchema(): Record<string, unknown> {
  return describeSchema(CompareRecordSchema, 'qwen-pcc comparison (compare.json)', COMPARE_SCHEMA_VERSION);
}
