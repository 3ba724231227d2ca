// What a run did and found: run.json, as a type and a zod schema.
import { z } from 'zod';
import type { SourceInfo } from '../../src/device/logits-source.ts';
import { PCC_SEMANTICS, type PccSemantics } from './row-metrics.ts';
import { AGGREGATE_METRICS, RULE_ORIGINS, RULE_PHASES, TOKEN_METRICS } from './rules.ts';
import { type RunUsage, RunUsageSchema } from './run-usage.ts';
import type { TokenSummary } from './summary.ts';
import { type Phase, RealNumberSchema } from './token-record.ts';
import type { Coverage, RuleResult, Verdict } from './verdict.ts';

/** Version of run.json and tokens.jsonl together; the major part grows when a reader must change. */
export const SCHEMA_VERSION = '1.0.0';

export const DECODING_MODES = ['teacherForced', 'freeRunning'] as const;
export type DecodingMode = (typeof DECODING_MODES)[number];

/** One prompt as it was really run. */
export interface PromptRecord {
  readonly name: string;
  /** Prompt and forced continuation as consumed by the reference. */
  readonly tokenIds: readonly number[];
  readonly promptLength: number;
  /** What the tokens after the prompt come from. */
  readonly forcedBy: 'reference' | 'continuation' | 'none';
  /** Free running: first position where the sides' texts part; null if they never do or were forced. */
  readonly divergencePosition: number | null;
  readonly tokensPlanned: number;
  readonly tokensJudged: number;
}

/** A checkpoint pair on one device configuration, with all its prompts. */
export interface VariantRecord {
  /** e.g. `general_weights-1_batch`. */
  readonly name: string;
  readonly reference: SourceInfo;
  readonly device: SourceInfo;
  readonly tokenizerSha256: string;
  readonly vocabSize: number;
  readonly prompts: readonly PromptRecord[];
  readonly summary: RunSummary;
}

export interface RunSummary {
  readonly all: TokenSummary;
  readonly byPhase: Readonly<Partial<Record<Phase, TokenSummary>>>;
  readonly byPrompt: Readonly<Record<string, TokenSummary>>;
}

/** Quantiles of a negative control: what PCC unrelated rows reach. null: no token had such a row. */
export interface ControlSpread {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Something that was left out, with the reason; it is never silent. */
export interface SkippedTokens {
  readonly reason: string;
  readonly count: number;
}

export interface RunRecord {
  readonly schemaVersion: string;
  readonly tool: { readonly name: string; readonly version: string; readonly gitSha: string | null };
  readonly runId: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly durationMs: number;
  readonly usage: RunUsage;
  /** The command line that repeats this run, without absolute paths. */
  readonly command: string;
  readonly exitCode: number;
  /** `error`: a side failed or the run was stopped before the gate could answer; the headline says which. */
  readonly verdict: Omit<Verdict, 'status' | 'coverage' | 'rules'> & { readonly status: Verdict['status'] | 'error' };
  readonly coverage: Coverage & { readonly skipped: readonly SkippedTokens[] };
  readonly config: {
    readonly mode: DecodingMode;
    readonly pccSemantics: PccSemantics;
    readonly accumulator: 'float64';
    readonly pccMinimum: number;
    readonly tieUlps: number;
    readonly topK: number;
    readonly maxNewTokens: number;
    readonly maxSeqLen: number;
  };
  readonly gate: { readonly rules: readonly RuleResult[] };
  readonly summary: RunSummary;
  readonly controls: { readonly previous: ControlSpread | null; readonly unrelated: ControlSpread | null };
  readonly variants: readonly VariantRecord[];
  readonly environment: {
    readonly os: string;
    readonly cpu: string;
    readonly threads: number;
    readonly memoryBytes: number;
    readonly node: string;
    readonly packages: Readonly<Record<string, string>>;
  };
  readonly events: readonly {
    /** Since `startedAt`. */
    readonly ms: number;
    readonly level: 'info' | 'warning' | 'error';
    readonly code: string;
    readonly message: string;
  }[];
  /** Files of the run folder besides run.json. */
  readonly artifacts: readonly {
    readonly path: string;
    readonly kind: string;
    readonly bytes: number;
    readonly sha256: string;
  }[];
}

const real = RealNumberSchema;
const count = z.int().min(0);
const share = z.number().min(0).max(1);

const SourceInfoSchema: z.ZodType<SourceInfo, unknown> = z.strictObject({
  kind: z.enum(['reference', 'golden-file', 'n150-model', 'capture', 'process']),
  label: z.string(),
  model: z.string(),
  weightsSha256: z.string(),
  dtypes: z.record(z.string(), z.string()),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

const TokenSummarySchema: z.ZodType<TokenSummary, unknown> = z.strictObject({
  n: count,
  pcc: z
    .strictObject({
      undefinedCount: count,
      min: real,
      p1: real,
      p5: real,
      p50: real,
      mean: real,
      max: real,
    })
    .nullable(),
  klNats: z.strictObject({ mean: real, se: real.nullable(), p50: real, p90: real, p99: real, max: real }).nullable(),
  top1: share.nullable(),
  top5: share.nullable(),
  top10: share.nullable(),
  flips: z.strictObject({ real: count, nearTie: count, tie: count }),
  rankP99: real.nullable(),
  maxAbs: real.nullable(),
  gain: real.nullable(),
  offset: real.nullable(),
  nmseDb: real.nullable(),
  pplRatio: z.strictObject({ value: real, se: real }).nullable(),
});

const RunSummarySchema: z.ZodType<RunSummary, unknown> = z.strictObject({
  all: TokenSummarySchema,
  byPhase: z.strictObject({
    prefill: TokenSummarySchema.optional(),
    firstDecode: TokenSummarySchema.optional(),
    decode: TokenSummarySchema.optional(),
  }) as z.ZodType<RunSummary['byPhase'], unknown>,
  byPrompt: z.record(z.string(), TokenSummarySchema),
});

const TokenKeyShape = { variant: z.string(), prompt: z.string(), position: count };

const ruleResultShape = {
  phase: z.enum(RULE_PHASES),
  op: z.enum(['>=', '<=']),
  threshold: real,
  ideal: real,
  origin: z.enum(RULE_ORIGINS),
  reason: z.string().min(1),
  onBreak: z.enum(['fail', 'invalid']),
  calibration: z.strictObject({ runs: z.string(), measured: z.array(real), date: z.iso.date() }).optional(),
  observed: real.nullable(),
  headroom: real.nullable(),
  status: z.enum(['pass', 'fail', 'invalid', 'notTriggered']),
  judged: count,
  failures: count,
  worstAt: z
    .strictObject({ variant: z.string(), prompt: z.string().nullable(), position: count.nullable() })
    .nullable(),
};

const RuleResultSchema = z.union([
  z.strictObject({
    id: z.string().min(1),
    scope: z.literal('token'),
    metric: z.enum(TOKEN_METRICS),
    ...ruleResultShape,
  }),
  z.strictObject({
    id: z.string().min(1),
    scope: z.enum(['prompt', 'run']),
    metric: z.enum(AGGREGATE_METRICS),
    ...ruleResultShape,
  }),
]) as z.ZodType<RuleResult, unknown>;

const ControlSpreadSchema = z.strictObject({ n: count, p50: real, p99: real, max: real });

/** Field order here is the key order of run.json. */
export const RunRecordSchema: z.ZodType<RunRecord, unknown> = z.strictObject({
  schemaVersion: z.string().regex(/^1\./, { error: `this version reads run records ${SCHEMA_VERSION}` }),
  tool: z.strictObject({ name: z.string(), version: z.string(), gitSha: z.string().nullable() }),
  runId: z.string().min(1),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  durationMs: real,
  usage: RunUsageSchema,
  command: z.string(),
  exitCode: z.int(),
  verdict: z.strictObject({
    status: z.enum(['pass', 'fail', 'invalid', 'error']),
    headline: z.string().min(1),
    failingRules: z.array(z.string()),
    firstFailure: z.strictObject(TokenKeyShape).nullable(),
    worst: z.strictObject({ ...TokenKeyShape, metric: z.string(), value: real.nullable() }).nullable(),
  }),
  coverage: z.strictObject({
    promptsPlanned: count,
    promptsJudged: count,
    tokensPlanned: count,
    tokensJudged: count,
    prefill: count,
    decode: count,
    rulesPlanned: count,
    rulesEvaluated: count,
    rulesNeverTriggered: z.array(z.string()),
    skipped: z.array(z.strictObject({ reason: z.string().min(1), count })),
  }),
  config: z.strictObject({
    mode: z.enum(DECODING_MODES),
    pccSemantics: z.enum(PCC_SEMANTICS),
    accumulator: z.literal('float64'),
    pccMinimum: real,
    tieUlps: real,
    topK: count,
    maxNewTokens: count,
    maxSeqLen: count,
  }),
  gate: z.strictObject({ rules: z.array(RuleResultSchema) }),
  summary: RunSummarySchema,
  controls: z.strictObject({ previous: ControlSpreadSchema.nullable(), unrelated: ControlSpreadSchema.nullable() }),
  variants: z.array(
    z.strictObject({
      name: z.string().min(1),
      reference: SourceInfoSchema,
      device: SourceInfoSchema,
      tokenizerSha256: z.string(),
      vocabSize: count,
      prompts: z.array(
        z.strictObject({
          name: z.string().min(1),
          tokenIds: z.array(count),
          promptLength: count,
          forcedBy: z.enum(['reference', 'continuation', 'none']),
          divergencePosition: count.nullable(),
          tokensPlanned: count,
          tokensJudged: count,
        }),
      ),
      summary: RunSummarySchema,
    }),
  ),
  environment: z.strictObject({
    os: z.string(),
    cpu: z.string(),
    threads: count,
    memoryBytes: count,
    node: z.string(),
    packages: z.record(z.string(), z.string()),
  }),
  events: z.array(
    z.strictObject({ ms: real, level: z.enum(['info', 'warning', 'error']), code: z.string(), message: z.string() }),
  ),
  artifacts: z.array(
    z.strictObject({ path: z.string(), kind: z.string(), bytes: count, sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  ),
});

/** run.json as text, two-space indented, keys in the schema's order. */
export function formatRunRecord(record: RunRecord): string {
  return `${JSON.stringify(z.encode(RunRecordSchema, record), null, 2)}\n`;
}

/**
 * Reads the text of run.json.
 *
 * @throws ZodError or SyntaxError if it is not a run record; readers name the file.
 */
export function parseRunRecord(text: string): RunRecord {
  return z.decode(RunRecordSchema, JSON.parse(text));
}
