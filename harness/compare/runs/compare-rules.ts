// What became of each rule of the gate from one run to the other; a rule is known by its id.
import type { RuleResult } from '../../record/verdict.ts';
import type { RuleChange, RuleDiff, Sides } from './run-diff.ts';
import { limitOf } from './same-sources.ts';

/** Run A's rules in their order, then those that only run B has. */
export function compareRules(runs: Sides<readonly RuleResult[]>): RuleDiff[] {
  const [a, b] = [byName(runs.a), byName(runs.b)];
  return [...new Set([...a.keys(), ...b.keys()])].map((name) => compareRule({ a: a.get(name), b: b.get(name) }));
}

/** Ids are unique in the default gate; given rules that repeat one are told apart by their order. */
function byName(rules: readonly RuleResult[]): ReadonlyMap<string, RuleResult> {
  const seen = new Map<string, number>();
  return new Map(
    rules.map((rule) => {
      const before = seen.get(rule.id) ?? 0;
      seen.set(rule.id, before + 1);
      return [JSON.stringify([rule.id, before]), rule];
    }),
  );
}

function compareRule({ a, b }: Sides<RuleResult | undefined>): RuleDiff {
  const { id, scope } = (a ?? b)!;
  const status = { a: a?.status ?? 'absent', b: b?.status ?? 'absent' } as const;
  return {
    id,
    scope,
    change: changeOf(status),
    status,
    observed: { a: a?.observed ?? null, b: b?.observed ?? null },
    limit: { a: a === undefined ? null : limitOf(a), b: b === undefined ? null : limitOf(b) },
    failures: { a: a?.failures ?? 0, b: b?.failures ?? 0 },
  };
}

function changeOf({ a, b }: RuleDiff['status']): RuleChange {
  const isBroken = { a: a === 'fail' || a === 'invalid', b: b === 'fail' || b === 'invalid' };
  if (isBroken.a !== isBroken.b) return isBroken.b ? 'newlyBroken' : 'newlyKept';
  if (isBroken.a) return 'stillBroken';
  return a === b ? 'none' : 'other';
}
