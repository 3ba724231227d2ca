// One judged token: a line of tokens.jsonl, as a type, a zod schema and its JSON form.
import { z } from 'zod';
import {
  FLIP_CLASSES,
  type FlipClass,
  type Pair,
  PCC_SEMANTICS,
  type PccJudgement,
  type RowChoice,
  type RowControls,
  type RowDistribution,
  type RowHygiene,
  type RowMoments,
  UNDEFINED_CORRELATIONS,
  type UndefinedCorrelation,
} from './row-metrics.ts';

/** prefill: rows of prompt positions; firstDecode: the first generated position; decode: all later ones. */
export const PHASES = ['prefill', 'firstDecode', 'decode'] as const;
export type Phase = (typeof PHASES)[number];

export function phaseOfPosition(position: number, promptLength: number): Phase {
  if (position < promptLength) return 'prefill';
  return position === promptLength ? 'firstDecode' : 'decode';
}

export const TOKEN_STATUSES = [
  'pass',
  'passNearTie',
  'failPcc',
  'failRank',
  'failFlip',
  'failKl',
  'failGain',
  'undefinedConstant',
  'invalidNonFinite',
  'invalidShape',
  'contextDiverged',
] as const;
/** Verdict on one token; the first broken rule names it. */
export type TokenStatus = (typeof TOKEN_STATUSES)[number];

/** Where a token sits: enough to find it in a run. */
export interface TokenKey {
  readonly variant: string;
  readonly prompt: string;
  /** 0-based, prompt first. */
  readonly position: number;
}

/** A line of tokens.jsonl. Non-finite numbers are the strings "NaN", "Infinity", "-Infinity" in the file. */
export interface TokenRecord extends TokenKey {
  readonly phase: Phase;
  /** Decode step, 0-based; null in prefill. */
  readonly step: number | null;
  /** Text of the token consumed at this position. */
  readonly text: string;
  readonly inputToken: Pair<number>;
  readonly inputPosition: Pair<number>;
  /** Hash of all (position, token) pairs consumed so far. */
  readonly contextHash: Pair<string>;
  readonly contextEqual: boolean;

  readonly status: TokenStatus;
  readonly failedRules: readonly string[];
  /** One sentence why the token is not a plain pass; null if it is. */
  readonly reason: string | null;

  /** PCC in the strict sense; null if it does not exist. */
  readonly pcc: number | null;
  readonly pccUndefined: UndefinedCorrelation | null;
  /** The semantics that the gate used and what it said. */
  readonly pccJudgement: PccJudgement;
  readonly hygiene: RowHygiene;
  readonly moments: RowMoments | null;
  readonly distribution: RowDistribution | null;
  readonly choice: RowChoice | null;
  readonly controls: RowControls;

  readonly timing: { readonly goldenMs: number; readonly actualMs: number; readonly compareMs: number };
  /** File of the run folder that holds both rows; null if they were not kept. */
  readonly evidence: string | null;
}

/** A float64 in memory; in JSON a number or one of three strings, since JSON has no NaN. */
export const RealNumberSchema: z.ZodType<number, number | 'NaN' | 'Infinity' | '-Infinity'> = z.codec(
  z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]),
  z.custom<number>((value) => typeof value === 'number'),
  {
    decode: (json) => Number(json),
    encode: (value) => (Number.isFinite(value) ? value : (String(value) as 'NaN' | 'Infinity' | '-Infinity')),
  },
);

const real = RealNumberSchema;
const count = z.int().min(0);
const id = z.int().min(0);
const rank = z.int().min(1);

function pairOf<Out, In>(of: z.ZodType<Out, In>): z.ZodType<Pair<Out>, Pair<In>> {
  return z.strictObject({ golden: of, actual: of });
}

const TopTokenSchema = z.strictObject({
  id,
  logit: real,
  probability: real,
  otherLogit: real,
  otherRank: rank,
});

/** Field order here is the key order of every line in the file. */
export const TokenRecordSchema: z.ZodType<TokenRecord, unknown> = z.strictObject({
  variant: z.string().min(1),
  prompt: z.string().min(1),
  position: count,
  phase: z.enum(PHASES),
  step: count.nullable(),
  text: z.string(),
  inputToken: pairOf(id),
  inputPosition: pairOf(count),
  contextHash: pairOf(z.string()),
  contextEqual: z.boolean(),
  status: z.enum(TOKEN_STATUSES),
  failedRules: z.array(z.string()),
  reason: z.string().nullable(),
  pcc: real.nullable(),
  pccUndefined: z.enum(UNDEFINED_CORRELATIONS).nullable(),
  pccJudgement: z.strictObject({
    semantics: z.enum(PCC_SEMANTICS),
    outcome: z.enum(['pass', 'fail', 'undefined', 'invalid']),
    pcc: real.nullable(),
  }),
  hygiene: z.strictObject({
    vocabSize: count,
    nan: pairOf(count),
    positiveInfinity: pairOf(count),
    negativeInfinity: pairOf(count),
    maskedPairs: count,
    zeros: pairOf(count),
    constantRow: pairOf(z.boolean()),
    constantBlocks: z.array(z.strictObject({ from: id, to: id, value: real })),
  }),
  moments: z
    .strictObject({
      cosine: real.nullable(),
      gain: real.nullable(),
      offset: real.nullable(),
      residualSd: real.nullable(),
      sd: pairOf(real),
      min: pairOf(real),
      max: pairOf(real),
      maxAbs: real,
      maxAbsIndex: id,
      meanAbs: real,
      relL2: real.nullable(),
      nmseDb: real.nullable(),
    })
    .nullable(),
  distribution: z
    .strictObject({
      klNats: real,
      klReverseNats: real,
      textToken: z.strictObject({ id, probability: pairOf(real), logRatio: real }).nullable(),
    })
    .nullable(),
  choice: z
    .strictObject({
      top1: pairOf(id),
      flip: z.enum(FLIP_CLASSES) as z.ZodType<FlipClass, FlipClass>,
      ulp: real,
      marginUlps: real,
      margin: pairOf(real),
      goldenRankOnActual: rank,
      actualRankOnGolden: rank,
      overlap5: count,
      overlap10: count,
      topGolden: z.array(TopTokenSchema),
      topActual: z.array(TopTokenSchema),
    })
    .nullable(),
  controls: z.strictObject({ pccPreviousGolden: real.nullable(), pccUnrelatedGolden: real.nullable() }),
  timing: z.strictObject({ goldenMs: real, actualMs: real, compareMs: real }),
  evidence: z.string().nullable(),
});

/** One line of tokens.jsonl, without the line end; keys in the schema's order. */
export function formatTokenLine(record: TokenRecord): string {
  return JSON.stringify(z.encode(TokenRecordSchema, record));
}

/**
 * Reads one line of tokens.jsonl.
 *
 * @throws ZodError or SyntaxError if the line is not a token record; readers name the file and line.
 */
export function parseTokenLine(line: string): TokenRecord {
  return z.decode(TokenRecordSchema, JSON.parse(line));
}
