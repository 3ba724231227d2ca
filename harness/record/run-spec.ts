// What a run is asked to do, as data: cases, variants, prompts as token ids, limits and rules; no path of any machine.
import { z } from 'zod';
import { LOGITS_FORMATS, type LogitsFormat } from '../../src/numerics/logits-format.ts';
import {
  type ExpectedFailure,
  ExpectedFailureSchema,
  LooseningSchema,
  PlacesSchema,
  type RulesFileInfo,
  RulesFileInfoSchema,
} from './allowances.ts';
import { type BaselineSpec, BaselineSpecSchema } from './baseline.ts';
import { type RungSpec, RungSpecSchema } from './ladder.ts';
import { RealNumberSchema } from './real-number.ts';
import { type RepeatSpec, RepeatSpecSchema, repeatedUnits } from './repeat.ts';
import { PCC_SEMANTICS, type PccSemantics } from './row-metrics.ts';
import {
  AGGREGATE_METRICS,
  BASELINE_METRIC,
  type Calibration,
  type Damage,
  type GateRule,
  RULE_ORIGINS,
  RULE_PHASES,
  TOKEN_METRICS,
} from './rules.ts';
import type { SequenceKey } from './token-record.ts';

export const DECODING_MODES = ['teacherForced', 'freeRunning'] as const;
export type DecodingMode = (typeof DECODING_MODES)[number];

export const PRECISIONS = ['fp32', 'bf16'] as const;

/** Knobs of a device by name; which there are is the device's business. */
export type KnobSettings = Readonly<Record<string, string | number | boolean>>;

/** What stands on the device side. Files go by their short name; where they are on this machine is in `local.json`. */
export type DeviceSpec =
  | { readonly kind: 'n150'; readonly knobs: KnobSettings }
  | {
      readonly kind: 'capture';
      readonly recording: string;
      /** What its logits are rounded to; null: as it says, else read off its values. */
      readonly logitsFormat: LogitsFormat | null;
    }
  /** Another checkpoint's reference: what is compared is the damage of the checkpoint alone. */
  | { readonly kind: 'onnx'; readonly precision: (typeof PRECISIONS)[number] };

export type ReferenceSpec =
  | { readonly kind: 'onnx'; readonly precision: (typeof PRECISIONS)[number] }
  | { readonly kind: 'golden'; readonly recording: string };

export interface PromptSpec {
  readonly name: string;
  /** Row of a batch; 0 for a prompt that is run alone. */
  readonly user: number;
  /** [P] token ids, chat template applied, P >= 1. */
  readonly promptIds: readonly number[];
  /** Tokens forced after the prompt; null: the reference's greedy ones. */
  readonly continuationIds: readonly number[] | null;
  /** Positions to judge, rising; null: all. A recording that has some rows only brings its own. */
  readonly positions: readonly number[] | null;
}

export interface VariantSpec {
  /** Short and unique in its case; names every knob that differs from its recipe. */
  readonly name: string;
  /** Short name of the device's checkpoint. */
  readonly model: string;
  readonly device: DeviceSpec;
  /** The variant of the case whose rows are the golden ones, standing before this one; absent: the case's reference. */
  readonly golden?: string | undefined;
  /** A rung of another variant's noise ladder: fed and compared like any, judged by no rule and no part of the verdict. */
  readonly ladder?: RungSpec | undefined;
}

export interface CaseSpec {
  /** As the original demo's tests are called: `general_weights-1_batch`. Unique in a run. */
  readonly name: string;
  /** Short name of the reference's checkpoint. */
  readonly model: string;
  readonly reference: ReferenceSpec;
  /** `none` for a checkpoint without a tokenizer. */
  readonly tokenizerSha256: string;
  readonly eosTokenIds: readonly number[];
  readonly prompts: readonly PromptSpec[];
  readonly variants: readonly VariantSpec[];
}

export interface SequenceLimits {
  /** Most greedy tokens after a prompt; a given continuation is forced whole. */
  readonly maxNewTokens: number;
  readonly maxSeqLen: number;
}

/** What decides about every token. */
export interface JudgeSettings {
  readonly semantics: PccSemantics;
  readonly pccMinimum: number;
  readonly rules: readonly GateRule[];
  /** Where rules and plan come from; absent: the command line alone. */
  readonly rulesFile?: RulesFileInfo;
  readonly expected?: readonly ExpectedFailure[];
}

export interface RunSpec {
  readonly mode: DecodingMode;
  readonly limits: SequenceLimits;
  readonly judge: JudgeSettings;
  /** What the run must not be worse than; absent: nothing. */
  readonly baseline?: BaselineSpec;
  /** What is fed to the devices once more; absent: nothing. */
  readonly repeat?: RepeatSpec;
  readonly cases: readonly CaseSpec[];
}

const count = z.int().min(0);
const real = RealNumberSchema;

export const CalibrationSchema: z.ZodType<Calibration, unknown> = z.strictObject({
  runs: z.string(),
  measured: z.array(real),
  date: z.iso.date(),
  distribution: z.strictObject({ n: count, p1: real, p50: real, p99: real }).exactOptional(),
  headroom: real.exactOptional(),
  errorRates: z
    .strictObject({
      alpha: real,
      beta: real,
      tokens: count,
      detects: real.nullable(),
      tokensNeeded: count.nullable(),
      floor: real,
      multiple: real,
    })
    .exactOptional(),
});
export const DamageSchema: z.ZodType<Damage, unknown> = z.strictObject({
  on: z.string().min(1),
  date: z.iso.date(),
  faults: count,
  passes: z.array(z.string().min(1)),
});

const ruleShape = {
  id: z.string().min(1),
  phase: z.enum(RULE_PHASES),
  op: z.enum(['>=', '<=']),
  threshold: real,
  ideal: real,
  origin: z.enum(RULE_ORIGINS),
  reason: z.string().min(1),
  onBreak: z.enum(['fail', 'invalid']),
  calibration: CalibrationSchema.optional(),
  damage: DamageSchema.exactOptional(),
  places: PlacesSchema.exactOptional(),
  loosening: LooseningSchema.exactOptional(),
};
const tokenRuleShape = { ...ruleShape, scope: z.literal('token'), metric: z.enum(TOKEN_METRICS) };
const aggregateRuleShape = {
  ...ruleShape,
  scope: z.enum(['prompt', 'run']),
  metric: z.enum(AGGREGATE_METRICS),
  sampleMinimum: z.int().min(1),
};

/** A rule with further fields, as results have them. */
export function ruleSchemaWith<T>(more: z.ZodRawShape): z.ZodType<T, unknown> {
  return z.union([
    z.strictObject({ ...tokenRuleShape, ...more }),
    z.strictObject({ ...aggregateRuleShape, ...more }),
  ]) as unknown as z.ZodType<T, unknown>;
}

/** The same of the rule that a baseline brings, which no spec has among its rules. */
export function baselineRuleSchemaWith<T>(more: z.ZodRawShape): z.ZodType<T, unknown> {
  const shape = { ...aggregateRuleShape, scope: z.literal('run'), metric: z.literal(BASELINE_METRIC) };
  return z.strictObject({ ...shape, ...more }) as unknown as z.ZodType<T, unknown>;
}

export const GateRuleSchema: z.ZodType<GateRule, unknown> = ruleSchemaWith<GateRule>({});

export const DeviceSpecSchema: z.ZodType<DeviceSpec, unknown> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('n150'),
    knobs: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  }),
  z.strictObject({
    kind: z.literal('capture'),
    recording: z.string().min(1),
    logitsFormat: z.enum(LOGITS_FORMATS).nullable(),
  }),
  z.strictObject({ kind: z.literal('onnx'), precision: z.enum(PRECISIONS) }),
]);

const ReferenceSpecSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('onnx'), precision: z.enum(PRECISIONS) }),
  z.strictObject({ kind: z.literal('golden'), recording: z.string().min(1) }),
]);

const PromptSpecSchema = z.strictObject({
  name: z.string().min(1),
  user: count,
  promptIds: z.array(count).min(1),
  continuationIds: z.array(count).nullable(),
  positions: z.array(count).min(1).nullable(),
});

/** Field order here is the key order in the log. */
export const RunSpecSchema: z.ZodType<RunSpec, unknown> = z.strictObject({
  mode: z.enum(DECODING_MODES),
  limits: z.strictObject({ maxNewTokens: count, maxSeqLen: z.int().min(1) }),
  judge: z.strictObject({
    semantics: z.enum(PCC_SEMANTICS),
    pccMinimum: real,
    rules: z.array(GateRuleSchema),
    rulesFile: RulesFileInfoSchema.exactOptional(),
    expected: z.array(ExpectedFailureSchema).min(1).exactOptional(),
  }),
  baseline: BaselineSpecSchema.exactOptional(),
  repeat: RepeatSpecSchema.exactOptional(),
  cases: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        model: z.string(),
        reference: ReferenceSpecSchema,
        tokenizerSha256: z.string(),
        eosTokenIds: z.array(count),
        prompts: z.array(PromptSpecSchema),
        variants: z
          .array(
            z.strictObject({
              name: z.string().min(1),
              model: z.string(),
              device: DeviceSpecSchema,
              golden: z.string().min(1).exactOptional(),
              ladder: RungSpecSchema.exactOptional(),
            }),
          )
          .min(1),
      }),
    )
    .min(1),
});

/** A text of a case with all its variants: what is run, resumed and merged as a whole. */
export interface RunUnit {
  readonly case: CaseSpec;
  readonly prompt: PromptSpec;
}

/** In the order that a run takes. */
export function unitsOf(spec: RunSpec): RunUnit[] {
  return spec.cases.flatMap((one) => one.prompts.map((prompt) => ({ case: one, prompt })));
}

/** The sequences of a unit, one a variant, in order. */
export function sequencesOf({ case: { name, variants }, prompt }: RunUnit): SequenceKey[] {
  return variants.map((variant) => ({ case: name, variant: variant.name, prompt: prompt.name, user: prompt.user }));
}

export function isRung({ ladder }: Pick<VariantSpec, 'ladder'>): boolean {
  return ladder !== undefined;
}

/** The sequences of a unit that a verdict is on: all but those of rungs. */
export function judgedSequencesOf(unit: RunUnit): SequenceKey[] {
  const judged = unit.case.variants.filter((variant) => !isRung(variant));
  return sequencesOf({ ...unit, case: { ...unit.case, variants: judged } });
}

/** Most positions that a prompt can bring to judgement; fewer when its text ends early. */
export function tokensPlannedMax(prompt: PromptSpec, limits: SequenceLimits): number {
  if (prompt.positions !== null) return prompt.positions.length;
  const newTokens = prompt.continuationIds?.length ?? limits.maxNewTokens;
  return Math.max(prompt.promptIds.length, Math.min(prompt.promptIds.length + newTokens, limits.maxSeqLen));
}

/** Indices of the plan's units that devices are fed once more. */
export function repeatedUnitsOf({ repeat, limits, cases, ...rest }: RunSpec): ReadonlySet<number> {
  if (repeat === undefined) return new Set();
  const units = unitsOf({ ...rest, limits, cases });
  return repeatedUnits(
    repeat,
    units.map(({ prompt }) => tokensPlannedMax(prompt, limits)),
  );
}

/** Path and both values of the first place where two JSON values differ; undefined if they are equal. */
export function firstDifference(
  a: unknown,
  b: unknown,
  at: string,
): { readonly path: string; readonly a: string; readonly b: string } | undefined {
  if (isObject(a) && isObject(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const inner = firstDifference(
        a[key],
        b[key],
        Array.isArray(a) ? `${at}[${key}]` : at === '' ? key : `${at}.${key}`,
      );
      if (inner !== undefined) return inner;
    }
    return undefined;
  }
  return a === b ? undefined : { path: at, a: shorten(a), b: shorten(b) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

const SHOWN_CHARACTERS = 80;

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
