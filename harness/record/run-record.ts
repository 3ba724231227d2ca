// What a run did and found, as run.json has it: a reading of the log, as a type and a zod schema.
import { z } from 'zod';
import type { SourceInfo } from '../../src/device/logits-source.ts';
import { type ExpectedResult, ExpectedResultSchema, type RulesFileInfo, RulesFileInfoSchema } from './allowances.ts';
import { type BaselineReading, BaselineReadingSchema } from './baseline-reading.ts';
import { type DeterminismReading, DeterminismReadingSchema } from './determinism.ts';
import {
  type Failure,
  FailureSchema,
  type MachineInfo,
  MachineInfoSchema,
  type RunShard,
  RunShardSchema,
  SCHEMA_VERSION,
  STOP_REASONS,
  type StopReason,
} from './events.ts';
import { type LadderRecord, LadderRecordSchema } from './ladder.ts';
import { RealNumberSchema } from './real-number.ts';
import { PCC_SEMANTICS, type PccSemantics } from './row-metrics.ts';
import {
  baselineRuleSchemaWith,
  DECODING_MODES,
  type DecodingMode,
  type DeviceSpec,
  DeviceSpecSchema,
  ruleSchemaWith,
} from './run-spec.ts';
import { type RunUsage, RunUsageSchema } from './run-usage.ts';
import { SourceInfoSchema } from './source-info.ts';
import type { ControlSummary, TokenSummary, VariantSummary } from './summary.ts';
import { type ToolInfo, ToolInfoSchema } from './tool-info.ts';
import { type Coverage, type RuleResult, VERDICT_STATUSES, type Verdict } from './verdict.ts';

export const PROMPT_OUTCOMES = ['pass', 'fail', 'invalid', 'notRun', 'unstable'] as const;
/** Of the token rules alone: rules over prompts and runs stand beside. notRun: the run ended before it; unstable: the device may say either. */
export type PromptOutcome = (typeof PROMPT_OUTCOMES)[number];

/** One prompt on one variant. */
export interface PromptRecord {
  readonly name: string;
  readonly user: number;
  readonly promptLength: number;
  /** Positions fed after the prompt. */
  readonly newTokens: number;
  /** What the tokens after the prompt come from. */
  readonly forcedBy: 'reference' | 'continuation' | 'none';
  /** null: it did not end. */
  readonly stop: StopReason | null;
  /** Free running: first position where the sides' texts part; null if they never do or were forced. */
  readonly divergencePosition: number | null;
  readonly tokensPlanned: number;
  readonly tokensJudged: number;
  /** Positions that were fed, but that a recording has no row for. */
  readonly tokensNotRecorded: number;
  /** Tokens that break a token rule. */
  readonly tokensFailed: number;
  /** Tokens that break token rules only as the rules file expects; absent: none. */
  readonly tokensExpected?: number;
  /** Tokens within the measured spread of a limit, none of them among the failed; absent where no spread was measured. */
  readonly tokensUnstable?: number;
  readonly outcome: PromptOutcome;
  /** Why it is incomplete; null if it is not. */
  readonly cause: string | null;
  /** Time of both sides and the comparison. */
  readonly ms: number;
  /** null: no token was judged. */
  readonly summary: TokenSummary | null;
}

/** What stood on the device side, with all its prompts; rungs of a ladder are in `ladder` of their device. */
export interface VariantRecord {
  readonly name: string;
  readonly device: DeviceSpec;
  /** null: it was never opened. */
  readonly source: SourceInfo | null;
  readonly vocabSize: number | null;
  readonly notes: readonly string[];
  readonly prompts: readonly PromptRecord[];
  readonly summary: VariantSummary;
  /** Where its distance comes from; absent if the run had no rungs beside it. */
  readonly ladder?: LadderRecord;
}

/** A reference checkpoint with its prompts. */
export interface CaseRecord {
  /** e.g. `general_weights-1_batch`. */
  readonly name: string;
  readonly model: string;
  /** null: it was never opened. */
  readonly reference: SourceInfo | null;
  readonly tokenizerSha256: string;
  readonly variants: readonly VariantRecord[];
}

/** Something that was left out, with the reason; it is never silent. */
export interface SkippedTokens {
  readonly reason: string;
  readonly count: number;
}

export interface RunRecord {
  readonly schemaVersion: string;
  readonly tool: ToolInfo;
  readonly runId: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** null: the run was killed. */
  readonly finishedAt: string | null;
  /** By the clock of the machine; null: the run was killed, or the clock was set back. */
  readonly durationMs: number | null;
  readonly usage: RunUsage | null;
  /** For people: repeats the run from the folder it was typed in. */
  readonly command: string;
  readonly exitCode: number;
  /** `error`: a side failed or the run was stopped before the gate could answer; the headline says which. */
  readonly verdict: Omit<Verdict, 'status' | 'coverage' | 'rules'> & { readonly status: Verdict['status'] | 'error' };
  readonly failure: Failure | null;
  readonly notes: readonly string[];
  readonly coverage: Coverage & { readonly skipped: readonly SkippedTokens[] };
  readonly config: {
    readonly mode: DecodingMode;
    readonly pccSemantics: PccSemantics;
    readonly accumulator: 'float64';
    readonly pccMinimum: number;
    readonly maxNewTokens: number;
    readonly maxSeqLen: number;
    /** Indices of the plan's units that this run was to do; null: all. */
    readonly part: readonly number[] | null;
    /** Where `part` comes from; absent: nobody shared the plan out. */
    readonly shard?: RunShard;
    /** Where rules and plan come from, beside the command; absent: no file. */
    readonly rulesFile?: RulesFileInfo;
  };
  readonly gate: { readonly rules: readonly RuleResult[]; readonly expected?: readonly ExpectedResult[] };
  readonly summary: VariantSummary;
  readonly controls: ControlSummary;
  /** Beside the baseline; absent: the run has none. */
  readonly baseline?: BaselineReading;
  /** What came of feeding prompts once more; absent: nothing was. */
  readonly determinism?: DeterminismReading;
  readonly cases: readonly CaseRecord[];
  readonly environment: MachineInfo;
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

const TokenSummarySchema: z.ZodType<TokenSummary, unknown> = z.strictObject({
  n: count,
  pcc: z
    .strictObject({ undefinedCount: count, min: real, p1: real, p5: real, p50: real, mean: real, max: real })
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

const RunSummarySchema: z.ZodType<VariantSummary, unknown> = z.strictObject({
  all: TokenSummarySchema,
  byPhase: z.strictObject({
    prefill: TokenSummarySchema.optional(),
    firstDecode: TokenSummarySchema.optional(),
    decode: TokenSummarySchema.optional(),
  }) as z.ZodType<VariantSummary['byPhase'], unknown>,
});

const TokenKeyShape = { case: z.string(), variant: z.string(), prompt: z.string(), user: count, position: count };

const ruleResultShape = {
  observed: real.nullable(),
  headroom: real.nullable(),
  status: z.enum(['pass', 'fail', 'invalid', 'notTriggered', 'tooFewTokens', 'notJudgedHere', 'unstable']),
  judged: count,
  failures: count,
  expected: z.int().min(1).exactOptional(),
  unstable: count.exactOptional(),
  tooFew: count,
  largestTooFew: count.nullable(),
  worstAt: z
    .strictObject({
      case: z.string(),
      variant: z.string(),
      prompt: z.string().nullable(),
      user: count.nullable(),
      position: count.nullable(),
    })
    .nullable(),
};
const RuleResultSchema: z.ZodType<RuleResult, unknown> = z.union([
  ruleSchemaWith<RuleResult>(ruleResultShape),
  baselineRuleSchemaWith<RuleResult>(ruleResultShape),
]);

const ControlSpreadSchema = z.strictObject({
  n: count,
  min: real,
  p5: real,
  p50: real,
  p95: real,
  p99: real,
  max: real,
  reachMinimum: share,
});

const PromptRecordSchema: z.ZodType<PromptRecord, unknown> = z.strictObject({
  name: z.string().min(1),
  user: count,
  promptLength: count,
  newTokens: count,
  forcedBy: z.enum(['reference', 'continuation', 'none']),
  stop: z.enum(STOP_REASONS).nullable(),
  divergencePosition: count.nullable(),
  tokensPlanned: count,
  tokensJudged: count,
  tokensNotRecorded: count,
  tokensFailed: count,
  tokensExpected: z.int().min(1).exactOptional(),
  tokensUnstable: count.exactOptional(),
  outcome: z.enum(PROMPT_OUTCOMES),
  cause: z.string().nullable(),
  ms: real,
  summary: TokenSummarySchema.nullable(),
});

/** Field order here is the key order of run.json. */
export const RunRecordSchema: z.ZodType<RunRecord, unknown> = z.strictObject({
  schemaVersion: z.string().regex(/^2\./, { error: `this version reads run records ${SCHEMA_VERSION}` }),
  tool: ToolInfoSchema,
  runId: z.string().min(1),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
  durationMs: real.nullable(),
  usage: RunUsageSchema.nullable(),
  command: z.string(),
  exitCode: z.int(),
  verdict: z.strictObject({
    status: z.enum([...VERDICT_STATUSES, 'error']),
    headline: z.string().min(1),
    failingRules: z.array(z.string()),
    firstFailure: z.strictObject(TokenKeyShape).nullable(),
    worst: z.strictObject({ ...TokenKeyShape, metric: z.string(), value: real.nullable() }).nullable(),
  }),
  failure: FailureSchema.nullable(),
  notes: z.array(z.string()),
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
    rulesTooFewTokens: z.array(z.string()),
    rulesNotJudgedHere: z.array(z.string()).exactOptional(),
    skipped: z.array(z.strictObject({ reason: z.string().min(1), count })),
  }),
  config: z.strictObject({
    mode: z.enum(DECODING_MODES),
    pccSemantics: z.enum(PCC_SEMANTICS),
    accumulator: z.literal('float64'),
    pccMinimum: real,
    maxNewTokens: count,
    maxSeqLen: count,
    part: z.array(count).nullable(),
    shard: RunShardSchema.exactOptional(),
    rulesFile: RulesFileInfoSchema.exactOptional(),
  }),
  gate: z.strictObject({ rules: z.array(RuleResultSchema), expected: z.array(ExpectedResultSchema).exactOptional() }),
  summary: RunSummarySchema,
  controls: z.strictObject({
    previous: ControlSpreadSchema.nullable(),
    next: ControlSpreadSchema.nullable(),
    unrelated: ControlSpreadSchema.nullable(),
    telling: z.strictObject({ threshold: real.nullable(), ownBelow: share.nullable() }).nullable(),
  }),
  baseline: BaselineReadingSchema.exactOptional(),
  determinism: DeterminismReadingSchema.exactOptional(),
  cases: z.array(
    z.strictObject({
      name: z.string().min(1),
      model: z.string(),
      reference: SourceInfoSchema.nullable(),
      tokenizerSha256: z.string(),
      variants: z.array(
        z.strictObject({
          name: z.string().min(1),
          device: DeviceSpecSchema,
          source: SourceInfoSchema.nullable(),
          vocabSize: count.nullable(),
          notes: z.array(z.string()),
          prompts: z.array(PromptRecordSchema),
          summary: RunSummarySchema,
          ladder: LadderRecordSchema.exactOptional(),
        }),
      ),
    }),
  ),
  environment: MachineInfoSchema,
  artifacts: z.array(z.strictObject({ path: z.string(), kind: z.string(), bytes: count, sha256: z.string() })),
});

/** The text of run.json. */
export function formatRunRecord(record: RunRecord): string {
  return `${JSON.stringify(z.encode(RunRecordSchema, record), null, 2)}\n`;
}

/** @throws ZodError or SyntaxError; readers name the file. */
export function parseRunRecord(text: string): RunRecord {
  return z.decode(RunRecordSchema, JSON.parse(text));
}
