// What qwen-pcc.config.json may hold: plan, variants, rules, expected failures; as zod, exported as JSON Schema.
import { z } from 'zod';
import { describeSchema } from '../record/json-schema.ts';
import { AGGREGATE_METRICS, type Calibration, type Damage, RULE_PHASES, TOKEN_METRICS } from '../record/rules.ts';
import { CalibrationSchema, DamageSchema } from '../record/run-spec.ts';
import { RULE_SCOPES, type RulesFile } from './rules-file.ts';

export const CONFIG_VERSION = '1.0.0';

/** Metrics of hard rules are no matter of a file. */
const HARD_METRICS: ReadonlySet<string> = new Set(['contextMismatch', 'nonFinite', 'constant', 'coverage']);
export const FILE_METRICS: readonly string[] = [...new Set([...TOKEN_METRICS, ...AGGREGATE_METRICS])].filter(
  (metric) => !HARD_METRICS.has(metric),
);

/** It stands in terminals and reports. */
const text = z
  .string()
  .trim()
  .min(1)
  .regex(/^\P{Cc}*$/u, 'must be one line without control characters');
const texts = z.union([text, z.array(text).min(1)]);
const count = z.int().min(0);
const size = z.union([text, z.number()]);

/** By the names of the options of `validate`; paths are relative to the file. */
const planShape = {
  weights: texts.exactOptional(),
  adapter: text.exactOptional(),
  deviceWeights: text.exactOptional(),
  prompts: text.exactOptional(),
  prompt: texts.exactOptional(),
  templateDate: text.exactOptional(),
  maxNewTokens: count.exactOptional(),
  maxSeqLen: count.exactOptional(),
  device: texts.exactOptional(),
  reference: text.exactOptional(),
  logitsFormat: text.exactOptional(),
  precision: text.exactOptional(),
  threads: count.exactOptional(),
  memory: size.exactOptional(),
  weightCache: text.exactOptional(),
  goldenCache: text.exactOptional(),
  stepTimeout: size.exactOptional(),
  semantics: text.exactOptional(),
  mode: text.exactOptional(),
};

const allowance = {
  reason: text.describe('why it is let pass'),
  owner: text.describe('who answers for it'),
  expires: z.iso.date().describe('YYYY-MM-DD, the last day that it holds; at most 180 days from the day of the run'),
};
const appliesShape = {
  case: text.exactOptional().describe('names with * for any text'),
  model: text.exactOptional().describe("of the device's checkpoint"),
  variant: text.exactOptional(),
};

const ruleEntry = z.strictObject({
  id: text.describe("a default rule's, or a name of its own"),
  instead: text.exactOptional().describe('the default rule in whose place it stands, where it applies'),
  applies: z.strictObject(appliesShape).exactOptional(),
  scope: z.enum(RULE_SCOPES).exactOptional(),
  phase: z.enum(RULE_PHASES).exactOptional(),
  metric: z.enum(FILE_METRICS as [string, ...string[]]).exactOptional(),
  threshold: z.number().exactOptional(),
  off: z.literal(true).exactOptional().describe('switches a default rule off'),
  sampleMinimum: z.int().min(1).exactOptional().describe('tokens that a rule over prompts or runs needs'),
  reason: text.exactOptional(),
  loosened: z.strictObject(allowance).exactOptional().describe('needed by what is looser than the default'),
  calibration: (CalibrationSchema as z.ZodType<Calibration, unknown>).exactOptional(),
  damage: (DamageSchema as z.ZodType<Damage, unknown>).exactOptional(),
});

const expectedEntry = z.strictObject({
  rule: text,
  applies: z
    .strictObject({ ...appliesShape, prompt: text.exactOptional(), positions: z.tuple([count, count]).exactOptional() })
    .exactOptional(),
  ...allowance,
});

export const RulesFileSchema: z.ZodType<RulesFile, unknown> = z.strictObject({
  $schema: z.string().exactOptional(),
  plan: z.strictObject(planShape).exactOptional(),
  variants: z
    .array(z.strictObject({ name: text.exactOptional(), device: text, weights: text.exactOptional() }))
    .min(1)
    .refine((all) => new Set(all.map(({ name }, i) => name ?? i)).size === all.length, 'two have the same name')
    .exactOptional(),
  rules: z.array(ruleEntry).exactOptional(),
  expected: z.array(expectedEntry).exactOptional(),
}) as z.ZodType<RulesFile, unknown>;

/** JSON Schema (draft 2020-12) of qwen-pcc.config.json. */
export function rulesFileJsonSchema(): Record<string, unknown> {
  return describeSchema(RulesFileSchema, 'qwen-pcc rules file (qwen-pcc.config.json)', CONFIG_VERSION);
}
