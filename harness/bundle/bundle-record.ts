// bundle.json: one token of a run with everything that its numbers follow from, beside the rows themselves.
import { z } from 'zod';
import type { SourceInfo } from '../../src/device/logits-source.ts';
import { LOGITS_FORMATS, type LogitsFormat } from '../../src/numerics/logits-format.ts';
import { type ToolInfo, ToolInfoSchema } from '../record/events.ts';
import type { TapComparison } from '../record/inspected-token.ts';
import { describeSchema } from '../record/json-schema.ts';
import type { Pair } from '../record/row-metrics.ts';
import { type RunSpec, RunSpecSchema } from '../record/run-spec.ts';
import { SourceInfoSchema } from '../record/source-info.ts';
import type { TokenKey } from '../record/token-record.ts';

export const BUNDLE_SCHEMA_VERSION = '1.0.0';

/** Names of the archive's entries; the checkpoint's files lie below WEIGHTS_PREFIX. */
export const BUNDLE_FILE = 'bundle.json';
export const ROWS_FILE = 'rows.safetensors';
export const TAPS_FILE = 'taps.safetensors';
export const WEIGHTS_PREFIX = 'weights/';

/** A token's numbers as JSON: its line in the log without times and controls, which are of other positions. */
export type TokenNumbers = Readonly<Record<string, unknown>>;

export interface BundleRecord {
  readonly schemaVersion: string;
  readonly tool: ToolInfo;
  readonly run: { readonly runId: string; readonly command: string; readonly notes: readonly string[] };
  /** Of the token's case alone: its prompt, its variant, and the variant whose rows are golden if that is not the reference. */
  readonly spec: RunSpec;
  readonly key: TokenKey;
  /** The context up to and with the token, [position + 1]. */
  readonly tokenIds: readonly number[];
  readonly promptLength: number;
  /** The token that follows in the text; null: unknown. */
  readonly nextTokenId: number | null;
  /** What the sides said of themselves in the run. */
  readonly sides: Pair<SourceInfo>;
  /** V as compared. */
  readonly vocabSize: number;
  /** What the device's row is rounded to. */
  readonly logitsFormat: LogitsFormat;
  /** `evidence`: the rows that the run judged; `again`: made again for the bundle. */
  readonly rowsFrom: 'evidence' | 'again';
  /** Measured and judged from the rows of the bundle. */
  readonly token: TokenNumbers;
  /** As the run's log has it. */
  readonly logged: TokenNumbers;
  /** In the order of the graph; measured from the values in the bundle. */
  readonly taps: readonly TapComparison[];
  /** [id, text] of the tokens that are named. */
  readonly texts: readonly (readonly [id: number, text: string])[];
  /** Of the weights' files those that have some rows of a tensor alone. */
  readonly slices: readonly WeightSlice[];
  /** Every other entry of the archive: [name, bytes, sha256]. */
  readonly files: readonly BundledFile[];
}

/** A tensor of a checkpoint's file [of, …] of which the bundle has some rows, in their order. */
export interface WeightSlice {
  /** Name in the checkpoint's folder. */
  readonly file: string;
  readonly tensor: string;
  /** Rising. */
  readonly rows: readonly number[];
  readonly of: number;
}

export interface BundledFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Of any vocabulary. */
const ROWS_MAX = 1 << 24;

const count = z.int().min(0);
const numbers = z.record(z.string(), z.unknown());
const nullable = z.number().nullable();

/** Field order here is the key order of bundle.json. */
export const BundleRecordSchema: z.ZodType<BundleRecord, unknown> = z.strictObject({
  schemaVersion: z.string().regex(/^1\./, { error: `this version reads bundles of schema ${BUNDLE_SCHEMA_VERSION}` }),
  tool: ToolInfoSchema,
  run: z.strictObject({ runId: z.string(), command: z.string(), notes: z.array(z.string()) }),
  spec: RunSpecSchema,
  key: z.strictObject({
    case: z.string().min(1),
    variant: z.string().min(1),
    prompt: z.string().min(1),
    user: count,
    position: count,
  }),
  tokenIds: z.array(count).min(1),
  promptLength: z.int().min(1),
  nextTokenId: count.nullable(),
  sides: z.strictObject({ golden: SourceInfoSchema, actual: SourceInfoSchema }),
  vocabSize: z.int().min(1).max(ROWS_MAX),
  logitsFormat: z.enum(LOGITS_FORMATS),
  rowsFrom: z.enum(['evidence', 'again']),
  token: numbers,
  logged: numbers,
  taps: z.array(
    z.strictObject({ tap: z.string() as unknown as z.ZodType<TapComparison['tap']>, pcc: nullable, relL2: nullable }),
  ),
  texts: z.array(z.tuple([count, z.string()])),
  slices: z.array(
    z.strictObject({
      file: z.string().min(1),
      tensor: z.string().min(1),
      rows: z.array(count),
      of: z.int().min(0).max(ROWS_MAX),
    }),
  ),
  files: z.array(
    z.strictObject({
      name: z.string().min(1),
      bytes: count,
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

/** JSON Schema (draft 2020-12) of a bundle's bundle.json. */
export function bundleJsonSchema(): Record<string, unknown> {
  return describeSchema(BundleRecordSchema, 'qwen-pcc bundle (bundle.json)', BUNDLE_SCHEMA_VERSION);
}
