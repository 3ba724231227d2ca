// Runs over time: what each series of comparable runs did, where it broke, which states were accepted; types and schema of `history --json`.
import { z } from 'zod';
import { describeSchema } from '../record/json-schema.ts';
import { VERDICT_STATUSES } from '../record/verdict.ts';

/** Of `history --json`; the major part grows when a reader must change. */
export const HISTORY_VERSION = '1.0.0';

/** One run of a series. */
export interface HistoryPoint {
  readonly runId: string;
  readonly folder: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly status: (typeof VERDICT_STATUSES)[number] | 'error';
  readonly failingRules: readonly string[];
  readonly version: string;
  /** Commit of the qwen-pcc that ran, where it knew. */
  readonly gitSha: string | null;
  readonly tokens: number;
  readonly klMean: number | null;
  readonly klP99: number | null;
  readonly pccMin: number | null;
  readonly pccMedian: number | null;
  readonly top1: number | null;
}

/** From one run to the next, by more than is declared to matter. */
export interface HistoryStep {
  readonly from: string;
  readonly to: string;
  readonly klMean: number;
  readonly top1: number;
  /** Of the paired tests at the same tokens; null where a log could not be paired. */
  readonly word: string | null;
}

/** Runs that are answers to one question. */
export interface HistorySeries {
  readonly case: string;
  readonly variant: string;
  /** First digits of the sha256 of what was asked; series of one case that ask something else have another. */
  readonly question: string;
  readonly prompts: number;
  /** By date. */
  readonly points: readonly HistoryPoint[];
  /** null while the last run passes. */
  readonly broken: {
    readonly firstBroken: string;
    readonly lastGood: string | null;
    readonly step: HistoryStep | null;
  } | null;
  /** In the order of the points. */
  readonly steps: readonly HistoryStep[];
}

/** A state that was accepted as the baseline. */
export interface AcceptedState {
  readonly runId: string;
  readonly runAt: string;
  readonly acceptedAt: string;
  readonly reason: string;
  readonly version: string;
  /** Commit that brought it, with its date and first line; null where git does not say. */
  readonly commit: { readonly sha: string; readonly date: string; readonly subject: string } | null;
  readonly marks: readonly {
    readonly case: string;
    readonly variant: string;
    readonly klMean: number | null;
    readonly pccMedian: number | null;
    readonly top1: number | null;
  }[];
}

export interface HistoryRecord {
  readonly schemaVersion: string;
  readonly series: readonly HistorySeries[];
  readonly baseline: {
    readonly file: string;
    /** Why git has no part in it; null if it has. */
    readonly withoutGit: string | null;
    /** By date of acceptance. */
    readonly states: readonly AcceptedState[];
  } | null;
  /** Folders that are in no series, with the reason. */
  readonly leftOut: readonly { readonly folder: string; readonly reason: string }[];
}

const number = z.number().nullable();
const count = z.int().min(0);
const step = z.strictObject({
  from: z.string(),
  to: z.string(),
  klMean: z.number(),
  top1: z.number(),
  word: z.string().nullable(),
});

/** Field order here is the key order of the document. */
export const HistoryRecordSchema: z.ZodType<HistoryRecord, unknown> = z.strictObject({
  schemaVersion: z.string().regex(/^1\./),
  series: z.array(
    z.strictObject({
      case: z.string(),
      variant: z.string(),
      question: z.string(),
      prompts: count,
      points: z.array(
        z.strictObject({
          runId: z.string(),
          folder: z.string(),
          startedAt: z.string(),
          status: z.enum([...VERDICT_STATUSES, 'error']),
          failingRules: z.array(z.string()),
          version: z.string(),
          gitSha: z.string().nullable(),
          tokens: count,
          klMean: number,
          klP99: number,
          pccMin: number,
          pccMedian: number,
          top1: number,
        }),
      ),
      broken: z
        .strictObject({ firstBroken: z.string(), lastGood: z.string().nullable(), step: step.nullable() })
        .nullable(),
      steps: z.array(step),
    }),
  ),
  baseline: z
    .strictObject({
      file: z.string(),
      withoutGit: z.string().nullable(),
      states: z.array(
        z.strictObject({
          runId: z.string(),
          runAt: z.string(),
          acceptedAt: z.string(),
          reason: z.string(),
          version: z.string(),
          commit: z.strictObject({ sha: z.string(), date: z.string(), subject: z.string() }).nullable(),
          marks: z.array(
            z.strictObject({ case: z.string(), variant: z.string(), klMean: number, pccMedian: number, top1: number }),
          ),
        }),
      ),
    })
    .nullable(),
  leftOut: z.array(z.strictObject({ folder: z.string(), reason: z.string() })),
});

/** JSON Schema (draft 2020-12) of what `history --json` prints. */
export function historyJsonSchema(): Record<string, unknown> {
  return describeSchema(HistoryRecordSchema, 'qwen-pcc history (history --json)', HISTORY_VERSION);
}
