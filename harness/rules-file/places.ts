// The variants of a plan that an entry of a rules file is for.
import type { Allowance, VariantPlace } from '../record/allowances.ts';
import { matchesGlob } from '../record/glob.ts';
import type { CaseSpec } from '../record/run-spec.ts';
import type { AllowanceEntry, Applies } from './rules-file.ts';

export type PlannedCases = readonly Pick<CaseSpec, 'name' | 'variants'>[];

export function placesOf(cases: PlannedCases): VariantPlace[] {
  return cases.flatMap((one) => one.variants.map((variant) => ({ case: one.name, variant: variant.name })));
}

/** The variants that an entry is for, in the order of the plan. */
export function select(cases: PlannedCases, applies: Applies = {}): VariantPlace[] {
  const fits = (pattern: string | undefined, name: string): boolean =>
    pattern === undefined || matchesGlob(pattern, name);
  return cases.flatMap((one) =>
    one.variants
      .filter(
        ({ name, model }) => fits(applies.case, one.name) && fits(applies.variant, name) && fits(applies.model, model),
      )
      .map((variant) => ({ case: one.name, variant: variant.name })),
  );
}

export function isSame(a: VariantPlace, b: VariantPlace): boolean {
  return a.case === b.case && a.variant === b.variant;
}

export function allowanceOf({ reason, owner, expires }: AllowanceEntry, today: string): Allowance {
  return { reason, owner, expires, isExpired: expires < today };
}
