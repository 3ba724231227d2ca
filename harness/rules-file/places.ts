// The variants of a plan that an entry of a rules file is for.
import type { Allowance, VariantPlace } from '../record/allowances.ts';
import { matchesGlob } from '../record/glob.ts';
import type { CaseSpec } from '../record/run-spec.ts';
import { refuse } from './refusals.ts';
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

/** Half a year from the day of the plan: who needs it longer says so again, in a change that somebody reviews. */
export const ALLOWED_DAYS_MAX = 180;
const MS_A_DAY = 86_400_000;

interface AllowancePlace {
  readonly file: string;
  /** `rules[2].loosened` */
  readonly place: string;
  /** YYYY-MM-DD. */
  readonly today: string;
}

/** @throws InputError CONFIG_EXPIRES for a last day so far away that nobody would be asked again. */
export function allowanceOf(
  { reason, owner, expires }: AllowanceEntry,
  { file, place, today }: AllowancePlace,
): Allowance {
  const furthest = new Date(Date.parse(today) + ALLOWED_DAYS_MAX * MS_A_DAY).toISOString().slice(0, 10);
  if (expires > furthest) {
    throw refuse('CONFIG_EXPIRES', `${file}: the last day of what is allowed is too far away.`, {
      facts: { at: `${place}.expires`, found: expires, wanted: `at most ${ALLOWED_DAYS_MAX} days from ${today}` },
      hint: `write ${furthest} or an earlier day; who still needs it then writes another.`,
    });
  }
  return { reason, owner, expires, isExpired: expires < today };
}
