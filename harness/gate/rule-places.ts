// Where rules and expected failures apply: which variants of which cases, prompts and positions.
import type { ExpectedFailure, VariantPlace } from '../record/allowances.ts';
import { matchesGlob } from '../record/glob.ts';
import type { GateRule } from '../record/rules.ts';
import type { RulePlace } from '../record/verdict.ts';

/** A rule without places is for every variant. */
export function appliesTo({ places }: Pick<GateRule, 'places'>, { case: caseName, variant }: VariantPlace): boolean {
  return places === undefined || places.some((place) => place.case === caseName && place.variant === variant);
}

/**
 * Whether a rule broken at this place is among the expected, expired or not. One of a rule over a whole variant is for no prompt, one of a
 * rule over a prompt for no position.
 */
export function covers({ rule, places, prompt, positions }: ExpectedFailure, id: string, at: RulePlace): boolean {
  if (rule !== id || !appliesTo({ places }, at)) return false;
  if (prompt !== undefined && (at.prompt === null || !matchesGlob(prompt, at.prompt))) return false;
  return (
    positions === undefined || (at.position !== null && at.position >= positions[0] && at.position <= positions[1])
  );
}

/** Whether a broken rule is excused at this place. */
export function isExpected(expected: readonly ExpectedFailure[], id: string, at: RulePlace): boolean {
  return expected.some((one) => !one.isExpired && covers(one, id, at));
}
