// A token event as the log holds it: compact, pairs as [golden, actual], zero counts left out, timing at the end of the line.
import { z } from 'zod';
import { type JsonNumber, JsonNumberSchema } from './real-number.ts';
import {
  FLIP_CLASSES,
  type FlipClass,
  PCC_SEMANTICS,
  type PccJudgement,
  type PccSemantics,
  UNDEFINED_CORRELATIONS,
  type UndefinedCorrelation,
} from './row-metrics.ts';
import { PHASES, type Phase, TOKEN_STATUSES, type TokenStatus } from './token-record.ts';

/** [golden, actual]. */
type Both<T> = [T, T];

/** What of a record is not in a line stands in the schema; field order is the key order of a line. */
export interface TokenLine {
  event: 'token';
  case: string;
  variant: string;
  prompt: string;
  user?: number | undefined;
  position: number;
  phase: Phase;
  step?: number | undefined;
  text: string;
  token: number | Both<number>;
  at?: Both<number> | undefined;
  context: string | Both<string>;
  status: TokenStatus;
  failedRules?: string[] | undefined;
  reason?: string | undefined;
  pcc: JsonNumber | null;
  pccUndefined?: UndefinedCorrelation | undefined;
  outcome: PccJudgement['outcome'];
  semantics?: PccSemantics | undefined;
  judgedPcc?: JsonNumber | null | undefined;
  hygiene: {
    vocabSize: number;
    nan?: Both<number> | undefined;
    positiveInfinity?: Both<number> | undefined;
    negativeInfinity?: Both<number> | undefined;
    maskedPairs?: number | undefined;
    zeros?: Both<number> | undefined;
    constantRow?: Both<boolean> | undefined;
    constantBlocks?: [number, number, JsonNumber][] | undefined;
  };
  moments?:
    | {
        cosine: JsonNumber | null;
        gain: JsonNumber | null;
        offset: JsonNumber | null;
        residualSd: JsonNumber | null;
        sd: Both<JsonNumber>;
        min: Both<JsonNumber>;
        max: Both<JsonNumber>;
        maxAbs: JsonNumber;
        maxAbsIndex: number;
        meanAbs: JsonNumber;
        relL2: JsonNumber | null;
        nmseDb: JsonNumber | null;
      }
    | undefined;
  distribution?:
    | {
        klNats: JsonNumber;
        klReverseNats: JsonNumber;
        logNormaliser: Both<JsonNumber>;
        textToken?: { id: number; probability: Both<JsonNumber>; logRatio: JsonNumber } | undefined;
      }
    | undefined;
  choice?:
    | {
        top1: Both<number>;
        flip: FlipClass;
        ulp: JsonNumber;
        marginUlps: JsonNumber;
        margin: Both<JsonNumber>;
        goldenRankOnActual: number;
        actualRankOnGolden: number;
        overlap: [number, number];
        top: [id: number, golden: JsonNumber, actual: JsonNumber, goldenRank: number, actualRank: number][];
      }
    | undefined;
  controls?:
    | {
        pccPreviousGolden?: JsonNumber | undefined;
        pccPreviousActual?: JsonNumber | undefined;
        pccUnrelatedGolden?: JsonNumber | undefined;
      }
    | undefined;
  evidence?: string | undefined;
  timing: [golden: number, actual: number, compare: number];
}

const count = z.int().min(0);
const rank = z.int().min(1);
const real = JsonNumberSchema;
const pairOf = <T extends z.ZodType>(of: T): z.ZodTuple<[T, T], null> => z.tuple([of, of]);

export const TokenLineSchema: z.ZodType<TokenLine, unknown> = z.strictObject({
  event: z.literal('token'),
  case: z.string().min(1),
  variant: z.string().min(1),
  prompt: z.string().min(1),
  user: count.optional().describe('0 if absent'),
  position: count,
  phase: z.enum(PHASES),
  step: count.optional().describe('absent in prefill'),
  text: z.string(),
  token: pairOf(count).or(count).describe('consumed token id; a pair where the sides differ'),
  at: pairOf(count).optional().describe('consumed positions; absent where both are `position`'),
  context: pairOf(z.string()).or(z.string()).describe('hash of the context; a pair where the sides differ'),
  status: z.enum(TOKEN_STATUSES),
  failedRules: z.array(z.string()).optional(),
  reason: z.string().optional(),
  pcc: real.nullable(),
  pccUndefined: z.enum(UNDEFINED_CORRELATIONS).optional(),
  outcome: z.enum(['pass', 'fail', 'undefined', 'invalid']),
  semantics: z.enum(PCC_SEMANTICS).optional().describe('strict if absent'),
  judgedPcc: real.nullable().optional().describe('what the semantics hands out; `pcc` if absent'),
  hygiene: z.strictObject({
    vocabSize: count,
    nan: pairOf(count).optional(),
    positiveInfinity: pairOf(count).optional(),
    negativeInfinity: pairOf(count).optional(),
    maskedPairs: count.optional(),
    zeros: pairOf(count).optional(),
    constantRow: pairOf(z.boolean()).optional(),
    constantBlocks: z
      .array(z.tuple([count, count, real]))
      .optional()
      .describe('[from, to, value]'),
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
      maxAbsIndex: count,
      meanAbs: real,
      relL2: real.nullable(),
      nmseDb: real.nullable(),
    })
    .optional(),
  distribution: z
    .strictObject({
      klNats: real,
      klReverseNats: real,
      logNormaliser: pairOf(real),
      textToken: z.strictObject({ id: count, probability: pairOf(real), logRatio: real }).optional(),
    })
    .optional(),
  choice: z
    .strictObject({
      top1: pairOf(count),
      flip: z.enum(FLIP_CLASSES),
      ulp: real,
      marginUlps: real,
      margin: pairOf(real),
      goldenRankOnActual: rank,
      actualRankOnGolden: rank,
      overlap: pairOf(count).describe('common to both best [5, 10]'),
      top: z
        .array(z.tuple([count, real, real, rank, rank]))
        .describe('[id, golden logit, actual logit, golden rank, actual rank], the union of both ten best'),
    })
    .optional(),
  controls: z
    .strictObject({
      pccPreviousGolden: real.optional(),
      pccPreviousActual: real.optional(),
      pccUnrelatedGolden: real.optional(),
    })
    .optional()
    .describe('PCC with golden rows that the row should not fit'),
  evidence: z.string().optional(),
  timing: z.tuple([z.number(), z.number(), z.number()]).describe('ms: golden, actual, comparison'),
});
