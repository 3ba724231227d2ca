// What a run says about its device's determinism: rows made again, their spread, tokens whose verdict lies within it; part of run.json.
import { z } from 'zod';
import { RealNumberSchema } from './real-number.ts';
import { REPEAT_WAYS, type RepeatWay, type Spread, SpreadSchema } from './repeat.ts';

export interface RepeatedRows {
  readonly way: RepeatWay;
  readonly rows: number;
  readonly equal: number;
  readonly measured: number;
  readonly maxAbs: number;
}

export interface VariantDeterminism {
  readonly case: string;
  readonly variant: string;
  /** Prompts that were fed again. */
  readonly prompts: readonly string[];
  readonly ways: readonly RepeatedRows[];
  /** Over all ways. */
  readonly spread: Spread;
  /** Tokens with a rule whose limit is no further away than the spread of its metric. */
  readonly unstableTokens: number;
}

export interface DeterminismReading {
  readonly tokens: number;
  readonly seed: number;
  readonly variants: readonly VariantDeterminism[];
}

const count = z.int().min(0);

/** Field order here is the key order of run.json. */
export const DeterminismReadingSchema: z.ZodType<DeterminismReading, unknown> = z.strictObject({
  tokens: count,
  seed: count,
  variants: z.array(
    z.strictObject({
      case: z.string(),
      variant: z.string(),
      prompts: z.array(z.string()),
      ways: z.array(
        z.strictObject({
          way: z.enum(REPEAT_WAYS),
          rows: count,
          equal: count,
          measured: count,
          maxAbs: RealNumberSchema,
        }),
      ),
      spread: SpreadSchema,
      unstableTokens: count,
    }),
  ),
});
