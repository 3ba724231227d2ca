// A rules file as it is read: the plan as options, variants, rules and expected failures as they stand there; types only.
import type { Calibration, Damage, RulePhase } from '../record/rules.ts';

export const RULE_SCOPES = ['token', 'prompt', 'run'] as const;

/** Names, or patterns with `*` for any text; what is left out fits everything. */
export interface Applies {
  readonly case?: string;
  /** Of the device's checkpoint. */
  readonly model?: string;
  readonly variant?: string;
}

export interface AllowanceEntry {
  readonly reason: string;
  readonly owner: string;
  /** YYYY-MM-DD. */
  readonly expires: string;
}

/** A default rule that is changed, or a rule of the user's own. */
export interface RuleEntry {
  readonly id: string;
  readonly instead?: string;
  readonly applies?: Applies;
  readonly scope?: (typeof RULE_SCOPES)[number];
  readonly phase?: RulePhase;
  readonly metric?: string;
  readonly threshold?: number;
  readonly off?: true;
  readonly sampleMinimum?: number;
  readonly reason?: string;
  readonly loosened?: AllowanceEntry;
  readonly calibration?: Calibration;
  readonly damage?: Damage;
}

export interface ExpectedEntry extends AllowanceEntry {
  readonly rule: string;
  readonly applies?: Applies & { readonly prompt?: string; readonly positions?: readonly [number, number] };
}

export interface VariantEntry {
  readonly name?: string;
  /** As --device. */
  readonly device: string;
  /** The device's checkpoint, if it is not the reference's. */
  readonly weights?: string;
}

export type PlanValue = string | number | readonly string[];

export interface RulesFile {
  readonly $schema?: string;
  /** By the names of the options of `validate`. */
  readonly plan?: Readonly<Record<string, PlanValue>>;
  readonly variants?: readonly VariantEntry[];
  readonly rules?: readonly RuleEntry[];
  readonly expected?: readonly ExpectedEntry[];
}

/** A file with the name and digest that reports say. */
export interface ReadRulesFile {
  /** As it was found or given. */
  readonly path: string;
  readonly sha256: string;
  readonly content: RulesFile;
}
