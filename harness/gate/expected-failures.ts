// Counts expected failures: how many there were of each, and the worst of them.
import type { ExpectedFailure, ExpectedResult } from '../record/allowances.ts';
import type { GateRule } from '../record/rules.ts';
import type { RulePlace } from '../record/verdict.ts';
import { badness } from './evaluate-rule.ts';
import { covers } from './rule-places.ts';

/** Collects broken places; in whatever order they come, the counts are the same. */
export interface ExpectedTally {
  /** @param value - that broke the rule; null if it does not exist. */
  add(rule: GateRule, at: RulePlace, value: number | null): void;
  readonly results: readonly ExpectedResult[];
}

export function createExpectedTally(expected: readonly ExpectedFailure[]): ExpectedTally {
  const counts = expected.map((): { found: number; worst: number | null } => ({ found: 0, worst: null }));
  return {
    add(rule, at, value) {
      for (const [i, one] of expected.entries()) {
        if (!covers(one, rule.id, at)) continue;
        const count = counts[i]!;
        if (count.found++ === 0 || badness(rule, value) > badness(rule, count.worst)) count.worst = value;
      }
    },
    get results() {
      return expected.map((one, i) => ({ ...one, ...counts[i]! }));
    },
  };
}
