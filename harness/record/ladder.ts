// The noise ladder of a device as run.json has it: where its distance from the reference comes from, rung by rung.
import { z } from 'zod';
import { RealNumberSchema } from './real-number.ts';

/**
 * What is compared beside a device, from the least deviation to the most:
 *
 * - `bf16`: the checkpoint's reference in bfloat16, as PyTorch computes. A yardstick beside the ladder, no step of it.
 * - `checkpoint`: the float32 reference with the device's own weights, where those are another checkpoint's.
 * - `weights`: weights in the device's formats, all else float32.
 * - `formats`: what is stored between operations too: caches, activations, logits.
 * - `arithmetic`: the device model whole, without knobs that plant a fault.
 */
export const LADDER_RUNGS = ['bf16', 'checkpoint', 'weights', 'formats', 'arithmetic'] as const;
export type LadderRung = (typeof LADDER_RUNGS)[number];

/** Steps of a ladder: its rungs and the device on top. */
export const LADDER_STEPS = ['checkpoint', 'weights', 'formats', 'arithmetic', 'device'] as const;
export type LadderStep = (typeof LADDER_STEPS)[number];

/** Which rung a variant is, and of which variant's ladder. */
export interface RungSpec {
  readonly rung: LadderRung;
  /** Name of the judged variant of the same case. */
  readonly of: string;
}

/** Two distances from the golden row. */
export interface Distance {
  /** KL(golden || actual). */
  readonly klNats: number;
  /** 1 - PCC. */
  readonly pccGap: number;
}

export interface StepRecord {
  readonly step: LadderStep;
  /** Of the run's spec. */
  readonly variant: string;
  /** Geometric mean of KL + 0.0001 nat over the ladder's tokens, less that: no few tokens decide it. */
  readonly typicalKlNats: number;
  /** Means over the ladder's tokens. */
  readonly mean: Distance;
  /** Mean of this step less that of the step below; the shares of a ladder add up to the device's mean. Below 0: it cancels. */
  readonly share: Distance;
}

/** `excess`: no rung accounts for the device's distance. */
export type LadderWord = Exclude<LadderStep, 'device'> | 'excess';

export interface LadderRecord {
  /** Tokens that have both distances at every step. */
  readonly tokens: number;
  /** Tokens judged on the device that lack one. */
  readonly missing: number;
  /** From the reference up; the last is the device. Empty without a token. */
  readonly steps: readonly StepRecord[];
  /** The yardstick over the same tokens; null without it. */
  readonly bf16: Distance | null;
  /** The lowest step that accounts for the device's typical KL; null without a token. */
  readonly word: LadderWord | null;
  /** The same token by token: how many tokens each word has. */
  readonly words: Readonly<Partial<Record<LadderWord, number>>>;
  /** When a step accounts for the device, in words. */
  readonly rule: string;
}

export const RungSpecSchema: z.ZodType<RungSpec, unknown> = z.strictObject({
  rung: z.enum(LADDER_RUNGS),
  of: z.string().min(1),
});

const count = z.int().min(0);
const distance = z.strictObject({ klNats: RealNumberSchema, pccGap: RealNumberSchema });
const WORDS = ['checkpoint', 'weights', 'formats', 'arithmetic', 'excess'] as const;

export const LadderRecordSchema: z.ZodType<LadderRecord, unknown> = z.strictObject({
  tokens: count,
  missing: count,
  steps: z.array(
    z.strictObject({
      step: z.enum(LADDER_STEPS),
      variant: z.string().min(1),
      typicalKlNats: RealNumberSchema,
      mean: distance,
      share: distance,
    }),
  ),
  bf16: distance.nullable(),
  word: z.enum(WORDS).nullable(),
  words: z.strictObject({
    checkpoint: count.exactOptional(),
    weights: count.exactOptional(),
    formats: count.exactOptional(),
    arithmetic: count.exactOptional(),
    excess: count.exactOptional(),
  }) as z.ZodType<LadderRecord['words'], unknown>,
  rule: z.string(),
});
