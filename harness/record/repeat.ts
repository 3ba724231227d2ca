// Prompts that are fed to the device once more: which, in which ways, and what came of it; spec and log event.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { RealNumberSchema } from './real-number.ts';
import type { SequenceKey } from './token-record.ts';

/** again: the same feeds; cut: the same tokens in feeds of other lengths; row: the same feeds in another row of a batch. */
export const REPEAT_WAYS = ['again', 'cut', 'row'] as const;
export type RepeatWay = (typeof REPEAT_WAYS)[number];

export interface RepeatSpec {
  /** Tokens that are drawn; the prompts that hold them are fed again, whole. */
  readonly tokens: number;
  readonly seed: number;
}

/** Numbers of a token that rules are held against. */
export const SPREAD_METRICS = ['pcc', 'klNats', 'goldenRankOnActual', 'gainDeviation', 'regretNats'] as const;
export type SpreadMetric = (typeof SPREAD_METRICS)[number];
/** Largest differences between the two times that a row was made; infinite where it has the number only once. */
export type Spread = Readonly<Record<SpreadMetric, number>>;

export const NO_SPREAD: Spread = spreadWith(() => 0);
/** Of a row that is no row the second time: no verdict of a token is known to stand. */
export const NOT_REPEATED: Spread = spreadWith(() => Number.POSITIVE_INFINITY);

/** A sequence was fed again. It comes after the sequence's tokens. */
export interface RepeatEvent extends SequenceKey {
  readonly event: 'repeat';
  readonly way: RepeatWay;
  /** Rows that were made again. */
  readonly rows: number;
  /** Of them those with the same bits. */
  readonly equal: number;
  /** Rows of which both times are kept, so that the spread is of them. */
  readonly measured: number;
  /** Of the measured rows: the largest difference of a logit. */
  readonly maxAbs: number;
  readonly spread: Spread;
}

const count = z.int().min(0);
const real = RealNumberSchema;

export const RepeatSpecSchema: z.ZodType<RepeatSpec, unknown> = z.strictObject({ tokens: z.int().min(1), seed: count });

export const SpreadSchema: z.ZodType<Spread, unknown> = z.strictObject(
  Object.fromEntries(SPREAD_METRICS.map((metric) => [metric, real])) as Record<SpreadMetric, typeof real>,
);

export const RepeatEventSchema: z.ZodType<RepeatEvent, unknown> = z.strictObject({
  event: z.literal('repeat'),
  case: z.string().min(1),
  variant: z.string().min(1),
  prompt: z.string().min(1),
  user: count,
  way: z.enum(REPEAT_WAYS),
  rows: count,
  equal: count,
  measured: count,
  maxAbs: real,
  spread: SpreadSchema,
});

/** The larger of both, metric by metric. */
export function joinSpreads(a: Spread, b: Spread): Spread {
  return spreadWith((metric) => Math.max(a[metric], b[metric]));
}

export function spreadWith(numberOf: (metric: SpreadMetric) => number): Spread {
  return Object.fromEntries(SPREAD_METRICS.map((metric) => [metric, numberOf(metric)])) as Record<SpreadMetric, number>;
}

/** A whole number 0 … 2^32 - 1 that follows from words alone: the same in every part of a plan and on every machine. */
export function drawFrom(...words: readonly (string | number)[]): number {
  return createHash('sha256').update(JSON.stringify(words)).digest().readUInt32LE();
}

/**
 * Indices of the units that are fed again, by the tokens that are drawn from all of the plan.
 *
 * @param planned - [units] tokens of each, as planned.
 */
export function repeatedUnits({ tokens, seed }: RepeatSpec, planned: readonly number[]): ReadonlySet<number> {
  const total = planned.reduce((sum, length) => sum + length, 0);
  const chosen = new Set<number>();
  for (let draw = 0; draw < tokens && total > 0; draw++) {
    let left = drawFrom(seed, 'token', draw) % total;
    let unit = 0;
    while (left >= planned[unit]!) left -= planned[unit++]!;
    chosen.add(unit);
  }
  return chosen;
}
