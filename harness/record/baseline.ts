// The accepted state that later runs are held against: what was run, what came of it, and each token's numbers in two bytes and a bit.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { LOGITS_FORMATS, type LogitsFormat } from '../../src/numerics/logits-format.ts';
import { RealNumberSchema } from './real-number.ts';
import { type ToolInfo, ToolInfoSchema } from './tool-info.ts';

/** Of the file's own format; the major part grows when a reader must change. */
export const BASELINE_VERSION = '1.0.0';

/** Percentiles of a sample of tokens; null where no token has the number. */
export interface BaselineSummary {
  readonly tokens: number;
  readonly pcc: { readonly min: number; readonly p1: number; readonly p5: number; readonly p50: number } | null;
  /** KL(golden || actual), nats. */
  readonly klNats: { readonly mean: number; readonly p50: number; readonly p90: number; readonly p99: number } | null;
  /** Share of tokens at which both sides choose the same. */
  readonly top1: number | null;
}

/** What a side was opened from. */
export interface BaselineSource {
  readonly kind: string;
  readonly model: string;
  /** sha256 (hex) of the weight files, or of the recording. */
  readonly weightsSha256: string;
  readonly configSha256: string | null;
  readonly dtypes: Readonly<Record<string, string>>;
  readonly logitsFormat: LogitsFormat;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

export interface BaselinePrompt {
  readonly name: string;
  readonly user: number;
  /** sha256 (hex) of what was planned: prompt, forced tokens, judged positions. */
  readonly planSha256: string;
  /** Most tokens that the plan can bring to judgement. */
  readonly planned: number;
  /** Judged tokens. */
  readonly tokens: number;
  /** Hash of the reference's context after the last of them: which tokens they were. */
  readonly contextHash: string;
  /** base64 of [tokens] codes of KL, 16 bits each, little-endian (`harness/baseline/token-codes.ts`). */
  readonly kl: string;
  /** base64 of [tokens] bits, the lowest first: 1 where both sides chose the same. */
  readonly top1: string;
}

export interface BaselineVariant {
  readonly name: string;
  readonly device: BaselineSource;
  /** V as compared. */
  readonly vocabSize: number;
  readonly all: BaselineSummary;
  readonly byPhase: Readonly<Partial<Record<'prefill' | 'firstDecode' | 'decode', BaselineSummary>>>;
  readonly prompts: readonly BaselinePrompt[];
}

export interface BaselineCase {
  readonly name: string;
  readonly reference: BaselineSource;
  readonly tokenizerSha256: string;
  readonly variants: readonly BaselineVariant[];
}

/** Where a variant stood, for those who read the chain. */
export interface BaselineMark {
  readonly case: string;
  readonly variant: string;
  readonly tokens: number;
  readonly klMean: number | null;
  readonly pccMedian: number | null;
  readonly top1: number | null;
}

/** A run that was accepted, by whom it was made and why. */
export interface BaselineState {
  readonly runId: string;
  /** ISO 8601, UTC: when the run began. */
  readonly runAt: string;
  /** ISO 8601, UTC: when it was accepted. */
  readonly acceptedAt: string;
  readonly reason: string;
  readonly tool: ToolInfo;
  /** As the run's own record has it. */
  readonly command: string;
  /** fail: it was accepted all the same. */
  readonly verdict: 'pass' | 'fail';
  readonly marks: readonly BaselineMark[];
}

/** What a run is held against; it lies in the run's spec, so that its log says all that was judged. */
export interface BaselineSpec {
  /** sha256 (hex) of `state` and `cases`. */
  readonly sha256: string;
  readonly mode: 'teacherForced' | 'freeRunning';
  readonly state: BaselineState;
  readonly cases: readonly BaselineCase[];
}

/** The file. */
export interface Baseline extends Omit<BaselineSpec, 'sha256'> {
  readonly schemaVersion: string;
  /** The states before, the latest first; at most `EARLIER_KEPT`. */
  readonly earlier: readonly BaselineState[];
}

export const EARLIER_KEPT = 20;

const count = z.int().min(0);
const real = RealNumberSchema;
const hex = z.string().regex(/^[0-9a-f]*$/);
const share = z.number().min(0).max(1);
/** Shown in terminals: nothing that moves a cursor. */
const words = z.string().regex(/^\P{Cc}*$/u);
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);

const SummarySchema: z.ZodType<BaselineSummary, unknown> = z.strictObject({
  tokens: count,
  pcc: z.strictObject({ min: real, p1: real, p5: real, p50: real }).nullable(),
  klNats: z.strictObject({ mean: real, p50: real, p90: real, p99: real }).nullable(),
  top1: share.nullable(),
});

const SourceSchema: z.ZodType<BaselineSource, unknown> = z.strictObject({
  kind: words,
  model: words,
  weightsSha256: words,
  configSha256: words.nullable(),
  dtypes: z.record(words, words),
  logitsFormat: z.enum(LOGITS_FORMATS),
  settings: z.record(words, z.union([words, z.number(), z.boolean()])),
});

const PromptSchema: z.ZodType<BaselinePrompt, unknown> = z
  .strictObject({
    name: z.string().min(1),
    user: count,
    planSha256: hex,
    planned: count,
    tokens: count,
    contextHash: hex,
    kl: base64,
    top1: base64,
  })
  .refine(({ tokens, kl, top1 }) => bytesOf(kl) === 2 * tokens && bytesOf(top1) === Math.ceil(tokens / 8), {
    error: 'kl and top1 hold another number of tokens than is said',
  });

const TWICE = { error: 'a name stands twice' };

function isUnique<T>(all: readonly T[], of: (one: T) => unknown): boolean {
  return new Set(all.map((one) => JSON.stringify(of(one)))).size === all.length;
}

function bytesOf(text: string): number {
  return Buffer.from(text, 'base64').length;
}

const VariantSchema: z.ZodType<BaselineVariant, unknown> = z.strictObject({
  name: z.string().min(1),
  device: SourceSchema,
  vocabSize: z.int().min(1),
  all: SummarySchema,
  byPhase: z.strictObject({
    prefill: SummarySchema.exactOptional(),
    firstDecode: SummarySchema.exactOptional(),
    decode: SummarySchema.exactOptional(),
  }),
  prompts: z.array(PromptSchema).refine((all) => isUnique(all, ({ name, user }) => [name, user]), TWICE),
});

const StateSchema: z.ZodType<BaselineState, unknown> = z.strictObject({
  runId: words.min(1),
  runAt: z.iso.datetime(),
  acceptedAt: z.iso.datetime(),
  reason: words.min(1),
  tool: ToolInfoSchema,
  command: z.string(),
  verdict: z.enum(['pass', 'fail']),
  marks: z.array(
    z.strictObject({
      case: z.string(),
      variant: z.string(),
      tokens: count,
      klMean: real.nullable(),
      pccMedian: real.nullable(),
      top1: share.nullable(),
    }),
  ),
});

const heldShape = {
  mode: z.enum(['teacherForced', 'freeRunning']),
  state: StateSchema,
  cases: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        reference: SourceSchema,
        tokenizerSha256: z.string(),
        variants: z
          .array(VariantSchema)
          .min(1)
          .refine((all) => isUnique(all, ({ name }) => name), TWICE),
      }),
    )
    .refine((all) => isUnique(all, ({ name }) => name), TWICE),
};

export const BaselineSpecSchema: z.ZodType<BaselineSpec, unknown> = z.strictObject({ sha256: hex, ...heldShape });

/** Field order here is the key order of the file. */
export const BaselineSchema: z.ZodType<Baseline, unknown> = z.strictObject({
  schemaVersion: z.string().regex(/^1\./, { error: `this version reads baselines of schema ${BASELINE_VERSION}` }),
  ...heldShape,
  earlier: z.array(StateSchema),
});

/** The text of the file, a line a field: git shows which prompts moved. */
export function formatBaseline(baseline: Baseline): string {
  return `${JSON.stringify(z.encode(BaselineSchema, baseline), null, 1)}\n`;
}

/** @throws ZodError or SyntaxError; readers name the file. */
export function parseBaseline(text: string): Baseline {
  return z.decode(BaselineSchema, JSON.parse(text));
}

/** What of a baseline goes into a run's spec. */
export function heldAgainst({ mode, state, cases }: Omit<Baseline, 'schemaVersion' | 'earlier'>): BaselineSpec {
  const sha256 = createHash('sha256').update(JSON.stringify({ mode, state, cases })).digest('hex');
  return { sha256, mode, state, cases };
}
