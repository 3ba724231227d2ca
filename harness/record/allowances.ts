// What a rules file may allow for a time: a rule looser than the default, and failures that are expected; types and schemas only.
import { z } from 'zod';
import { RealNumberSchema } from './real-number.ts';

/** Who answers for what is let pass, why, and until when. */
export interface Allowance {
  readonly reason: string;
  readonly owner: string;
  /** YYYY-MM-DD, the last day that it holds. */
  readonly expires: string;
  /** Whether it was over on the day of the plan (UTC): what reads the log later says the same. */
  readonly isExpired: boolean;
}

/** Why a rule is looser than the default one in whose place it stands. */
export interface Loosening extends Allowance {
  /** Id of the default rule, with what of it was changed. */
  readonly of: string;
  readonly threshold: number;
  readonly sampleMinimum?: number;
}

/** What stands on the device side of a case. */
export interface VariantPlace {
  readonly case: string;
  readonly variant: string;
}

/** Failures that are known: they are counted apart and fail nothing until their day. */
export interface ExpectedFailure extends Allowance {
  /** Id of the rule that is broken; never a hard one. */
  readonly rule: string;
  /** Where: variants of cases, as the plan has them. */
  readonly places: readonly VariantPlace[];
  /** Name of the prompts, `*` for any text; absent: all. */
  readonly prompt?: string;
  /** First and last position, of token rules; absent: all. */
  readonly positions?: readonly [number, number];
}

/** An expected failure and what became of it. */
export interface ExpectedResult extends ExpectedFailure {
  /** Tokens, prompts or variants, as the scope of the rule says, that broke it there. */
  readonly found: number;
  /** Worst value among them; null if none was found or none exists. */
  readonly worst: number | null;
}

/** The file that a plan was read from. */
export interface RulesFileInfo {
  /** Without its folder. */
  readonly name: string;
  readonly sha256: string;
}

const allowanceShape = {
  reason: z.string().min(1),
  owner: z.string().min(1),
  expires: z.iso.date(),
  isExpired: z.boolean(),
};
const places = z.array(z.strictObject({ case: z.string(), variant: z.string() })).min(1);
const position = z.int().min(0);

export const PlacesSchema: z.ZodType<readonly VariantPlace[], unknown> = places;

export const LooseningSchema: z.ZodType<Loosening, unknown> = z.strictObject({
  of: z.string().min(1),
  threshold: RealNumberSchema,
  sampleMinimum: z.int().min(1).exactOptional(),
  ...allowanceShape,
});

const expectedShape = {
  rule: z.string().min(1),
  places,
  prompt: z.string().min(1).exactOptional(),
  positions: z.tuple([position, position]).exactOptional(),
  ...allowanceShape,
};

export const ExpectedFailureSchema: z.ZodType<ExpectedFailure, unknown> = z.strictObject(expectedShape);

export const ExpectedResultSchema: z.ZodType<ExpectedResult, unknown> = z.strictObject({
  ...expectedShape,
  found: z.int().min(0),
  worst: RealNumberSchema.nullable(),
});

export const RulesFileInfoSchema: z.ZodType<RulesFileInfo, unknown> = z.strictObject({
  name: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
