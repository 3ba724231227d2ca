// What a self-test found, as `selftest --json` prints it: each fault of each case, and what the rules in use made of it.
import { z } from 'zod';
import type { SourceInfo } from '../../src/device/logits-source.ts';
import { RealNumberSchema } from './real-number.ts';
import { PCC_SEMANTICS, type PccSemantics } from './row-metrics.ts';
import type { GateRule } from './rules.ts';
import { GateRuleSchema } from './run-spec.ts';
import { SourceInfoSchema } from './source-info.ts';
import { type ToolInfo, ToolInfoSchema } from './tool-info.ts';

export const SELFTEST_SCHEMA_VERSION = '1.1.0';

export const FAULT_KINDS = ['values', 'rows', 'context', 'model', 'device'] as const;
export const FAULT_EXPECTATIONS = ['caught', 'told', 'harmless', 'open'] as const;
/**
 * - `caught`: the run did not pass.
 * - `told`: it passed, and the verdict warns.
 * - `passes`: it passed without a word.
 * - `notJudged`: this case cannot show it; it counts neither way.
 */
export const FAULT_OUTCOMES = ['caught', 'told', 'passes', 'notJudged'] as const;
export type FaultOutcome = (typeof FAULT_OUTCOMES)[number];

export interface FaultResult {
  readonly id: string;
  readonly name: string;
  readonly kind: (typeof FAULT_KINDS)[number];
  readonly standsFor: string;
  readonly source: string;
  readonly expect: (typeof FAULT_EXPECTATIONS)[number];
  readonly why: string;
  readonly outcome: FaultOutcome;
  /** Ids of the rules that it broke, in order of the table. */
  readonly brokenRules: readonly string[];
  /** Code of the error that ended the run or a prompt of it: the contract of a device, not a rule, caught it. */
  readonly code: string | null;
  /** Rules that it would have broken, had the case had the tokens that they need. */
  readonly tooFewTokens: readonly string[];
  /** Why it was not judged. */
  readonly reason: string | null;
  /** Whether each judged row reaches the PCC minimum, and all were there; null: not judged. */
  readonly passesThreshold: boolean | null;
  /** Lowest PCC of its rows; null where none exists. */
  readonly pccMin: number | null;
  /** Mean KL(golden || fault), nats; null as above. */
  readonly klMean: number | null;
}

/** What a rule would let pass if it stood alone. */
export interface RuleDamage {
  readonly rule: string;
  /** Faults that must be caught, that the contract of a device does not catch, and that the rule could judge. */
  readonly faults: number;
  /** Ids of those that do not break it. */
  readonly passes: readonly string[];
}

export interface SelfTestCase {
  readonly name: string;
  readonly model: string;
  readonly reference: SourceInfo;
  readonly device: SourceInfo;
  readonly vocabSize: number;
  readonly prompts: readonly string[];
  readonly tokens: number;
  /** The device's own rows, judged by the same rules. */
  readonly honest: { readonly outcome: 'passes' | 'fails'; readonly brokenRules: readonly string[] };
  readonly faults: readonly FaultResult[];
}

export interface SelfTestRecord {
  readonly schemaVersion: string;
  readonly tool: ToolInfo;
  readonly command: string;
  readonly seed: number;
  readonly pccSemantics: PccSemantics;
  readonly pccMinimum: number;
  readonly rules: readonly GateRule[];
  readonly cases: readonly SelfTestCase[];
  /** By rule, in order of the table; rules that judged nothing are left out. */
  readonly damage: readonly RuleDamage[];
  /** `case › fault` of those that had to be caught (or told) and were not. */
  readonly missed: readonly string[];
  readonly headline: string;
  /** 0, or 1 if one was missed, or 4 if the golden rows themselves break a rule. */
  readonly exitCode: number;
}

const count = z.int().min(0);
const text = z.string().min(1);

/** Field order here is the key order of the JSON. */
export const SelfTestRecordSchema: z.ZodType<SelfTestRecord, unknown> = z.strictObject({
  schemaVersion: z.string().regex(/^1\./, { error: `this version reads self-tests ${SELFTEST_SCHEMA_VERSION}` }),
  tool: ToolInfoSchema,
  command: z.string(),
  seed: count,
  pccSemantics: z.enum(PCC_SEMANTICS),
  pccMinimum: RealNumberSchema,
  rules: z.array(GateRuleSchema),
  cases: z.array(
    z.strictObject({
      name: text,
      model: z.string(),
      reference: SourceInfoSchema,
      device: SourceInfoSchema,
      vocabSize: count,
      prompts: z.array(text),
      tokens: count,
      honest: z.strictObject({ outcome: z.enum(['passes', 'fails']), brokenRules: z.array(text) }),
      faults: z.array(
        z.strictObject({
          id: text,
          name: text,
          kind: z.enum(FAULT_KINDS),
          standsFor: text,
          source: text,
          expect: z.enum(FAULT_EXPECTATIONS),
          why: text,
          outcome: z.enum(FAULT_OUTCOMES),
          brokenRules: z.array(text),
          code: text.nullable(),
          tooFewTokens: z.array(text),
          reason: text.nullable(),
          passesThreshold: z.boolean().nullable(),
          pccMin: RealNumberSchema.nullable(),
          klMean: RealNumberSchema.nullable(),
        }),
      ),
    }),
  ),
  damage: z.array(z.strictObject({ rule: text, faults: count, passes: z.array(text) })),
  missed: z.array(text),
  headline: text,
  exitCode: z.int(),
});

export function formatSelfTest(record: SelfTestRecord): string {
  return `${JSON.stringify(z.encode(SelfTestRecordSchema, record), null, 2)}\n`;
}
