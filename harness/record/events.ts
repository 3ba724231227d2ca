// The events of a run's log, one a line, in the order in which they may come: run, case, tokens and end of each prompt, end.
import { z } from 'zod';
import type { SourceInfo } from '../../src/device/logits-source.ts';
import { type RepeatEvent, RepeatEventSchema } from './repeat.ts';
import { type RunSpec, RunSpecSchema } from './run-spec.ts';
import { type RunUsage, RunUsageSchema } from './run-usage.ts';
import { SourceInfoSchema } from './source-info.ts';
import { formatTokenLine, fromTokenLine } from './token-line.ts';
import { type TokenLine, TokenLineSchema } from './token-line-schema.ts';
import type { SequenceKey, TokenRecord } from './token-record.ts';
import { type ToolInfo, ToolInfoSchema } from './tool-info.ts';

export { type ToolInfo, ToolInfoSchema } from './tool-info.ts';

/** Version of the log and of run.json together; the major part grows when a reader must change. */
export const SCHEMA_VERSION = '2.3.0';

/** Enough to explain speed and versions, nothing that names the machine. */
export interface MachineInfo {
  readonly os: string;
  readonly cpu: string;
  readonly threads: number;
  readonly memoryBytes: number;
  readonly node: string;
  readonly packages: Readonly<Record<string, string>>;
}

/** Which share of a plan a run is, where several machines do one. */
export interface RunShard {
  /** 1-based. */
  readonly index: number;
  readonly count: number;
}

/** The first line. */
export interface RunEvent {
  readonly event: 'run';
  readonly schemaVersion: string;
  readonly runId: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly tool: ToolInfo;
  readonly machine: MachineInfo;
  /** For people: repeats the run from the folder it was typed in. */
  readonly command: string;
  /** Things a report must say: what was not read, what stands in for what. */
  readonly notes: readonly string[];
  /** Indices of the spec's units that this log is to hold, rising; null: all. */
  readonly part: readonly number[] | null;
  /** Where `part` comes from; absent: nobody shared the plan out. */
  readonly shard?: RunShard;
  readonly spec: RunSpec;
}

/** A case was opened; one line a variant, before its tokens. */
export interface CaseEvent {
  readonly event: 'case';
  readonly case: string;
  readonly variant: string;
  readonly golden: SourceInfo;
  readonly device: SourceInfo;
  /** V as compared. */
  readonly vocabSize: number;
  /** Things a report must say of this pair: differences of the configs, columns that were cut. */
  readonly notes: readonly string[];
}

export const STOP_REASONS = ['eos', 'max-new-tokens', 'max-seq-len', 'continuation-end', 'failed'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** What kept a run or a prompt from its end. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
}

/** A sequence ended: after it nothing more comes for this key. */
export interface PromptEvent extends SequenceKey {
  readonly event: 'prompt';
  readonly stop: StopReason;
  /** Positions fed in all. */
  readonly length: number;
  /** Positions that were to be judged, and those that were. */
  readonly planned: number;
  readonly judged: number;
  /** Hash of the reference's context after the last judged position. */
  readonly contextHash: string;
  /** sha256 over the sequence's token lines without their timing. */
  readonly rowsSha256: string;
  /** Free running: where the texts part, and how many tokens of the reference's text come after it; null if they never do. */
  readonly divergence: { readonly position: number; readonly tokensAfter: number } | null;
  /** Only with stop `failed`. */
  readonly failure: Failure | null;
  /** [id, text] of every token among the ten best of a side somewhere in the sequence, by rising id: a report has no tokenizer. */
  readonly texts?: readonly (readonly [id: number, text: string])[];
}

/** The last line of a run that ended by itself or was stopped; a killed run has none. */
export interface EndEvent {
  readonly event: 'end';
  readonly finishedAt: string;
  readonly usage: RunUsage;
  readonly failure: Failure | null;
}

export type TokenEvent = TokenRecord & { readonly event: 'token' };
export type LogEvent = RunEvent | CaseEvent | TokenEvent | RepeatEvent | PromptEvent | EndEvent;

const count = z.int().min(0);
const hex = z.string().regex(/^[0-9a-f]*$/);

export const MachineInfoSchema: z.ZodType<MachineInfo, unknown> = z.strictObject({
  os: z.string(),
  cpu: z.string(),
  threads: count,
  memoryBytes: count,
  node: z.string(),
  packages: z.record(z.string(), z.string()),
});

export const FailureSchema: z.ZodType<Failure, unknown> = z.strictObject({
  code: z.string().min(1),
  message: z.string(),
  exitCode: z.int(),
});

const keyShape = { case: z.string().min(1), variant: z.string().min(1), prompt: z.string().min(1), user: count };

export const RunShardSchema: z.ZodType<RunShard, unknown> = z.strictObject({
  index: z.int().min(1),
  count: z.int().min(1),
});

export const RunEventSchema: z.ZodType<RunEvent, unknown> = z.strictObject({
  event: z.literal('run'),
  schemaVersion: z.string().regex(/^2\./, { error: `this version reads logs of schema ${SCHEMA_VERSION}` }),
  runId: z.string().min(1),
  startedAt: z.iso.datetime(),
  tool: ToolInfoSchema,
  machine: MachineInfoSchema,
  command: z.string(),
  notes: z.array(z.string()),
  part: z.array(count).nullable(),
  shard: RunShardSchema.exactOptional(),
  spec: RunSpecSchema,
});

export const CaseEventSchema: z.ZodType<CaseEvent, unknown> = z.strictObject({
  event: z.literal('case'),
  case: z.string().min(1),
  variant: z.string().min(1),
  golden: SourceInfoSchema,
  device: SourceInfoSchema,
  vocabSize: z.int().min(1),
  notes: z.array(z.string()),
});

export const PromptEventSchema: z.ZodType<PromptEvent, unknown> = z.strictObject({
  event: z.literal('prompt'),
  ...keyShape,
  stop: z.enum(STOP_REASONS),
  length: count,
  planned: count,
  judged: count,
  contextHash: hex,
  rowsSha256: hex,
  divergence: z.strictObject({ position: count, tokensAfter: count }).nullable(),
  failure: FailureSchema.nullable(),
  texts: z.array(z.tuple([count, z.string()])).exactOptional(),
});

export const EndEventSchema: z.ZodType<EndEvent, unknown> = z.strictObject({
  event: z.literal('end'),
  finishedAt: z.iso.datetime(),
  usage: RunUsageSchema,
  failure: FailureSchema.nullable(),
});

/** One line of the log, without the line end. */
export function formatEvent(event: LogEvent): string {
  if (event.event === 'token') return formatTokenLine(event);
  if (event.event === 'repeat') return JSON.stringify(z.encode(RepeatEventSchema, event));
  return JSON.stringify(event.event === 'run' ? { ...event, spec: z.encode(RunSpecSchema, event.spec) } : event);
}

/**
 * Reads one line of the log.
 *
 * @throws ZodError or SyntaxError if the line is no event; readers name the file and line.
 */
export function parseEvent(line: string): LogEvent {
  return eventOf(JSON.parse(line), (json) => z.parse(TokenLineSchema, json));
}

/** `parseEvent` of a line that it has accepted before: what a token's line holds is not looked at again. */
export function parseKnownEvent(line: string): LogEvent {
  return eventOf(JSON.parse(line), (json) => json as TokenLine);
}

function eventOf(json: unknown, tokenLineOf: (json: unknown) => TokenLine): LogEvent {
  switch ((json as { event?: unknown } | null)?.event) {
    case 'token':
      return { event: 'token', ...fromTokenLine(tokenLineOf(json)) };
    case 'case':
      return z.decode(CaseEventSchema, json);
    case 'repeat':
      return z.decode(RepeatEventSchema, json);
    case 'prompt':
      return z.decode(PromptEventSchema, json);
    case 'end':
      return z.decode(EndEventSchema, json);
    default:
      return z.decode(RunEventSchema, json);
  }
}
