// The damage that still passes: which faults a rule would let through if it stood alone; pure.
import { appliesTo } from '../gate/rule-places.ts';
import type { Damage, GateRule } from '../record/rules.ts';
import type { FaultResult, RuleDamage, SelfTestCase } from '../record/selftest-record.ts';

/** Of every rule that judged something; a fault counts once, and passes if it does in any of the cases. */
export function damageOfRules(rules: readonly GateRule[], cases: readonly TriedCase[]): RuleDamage[] {
  return rules.flatMap((rule) => {
    const fates = new Map<string, boolean>();
    for (const { name, variant, faults, unjudged } of cases) {
      if (unjudged.includes(rule.id) || !appliesTo(rule, { case: name, variant })) continue;
      for (const fault of faults) {
        const passes = passesAlone(rule.id, fault);
        if (passes !== null) fates.set(fault.id, passes || (fates.get(fault.id) ?? false));
      }
    }
    if (fates.size === 0) return [];
    return [{ rule: rule.id, faults: fates.size, passes: [...fates].flatMap(([id, passes]) => (passes ? id : [])) }];
  });
}

export interface TriedCase extends Pick<SelfTestCase, 'name' | 'faults'> {
  /** What the faults were put in the place of. */
  readonly variant: string;
  /** Rules that judged nothing of the honest device. */
  readonly unjudged: readonly string[];
}

/** Null where the rule was not asked: the fault need not be caught, changed nothing, ended the run by itself, or has too few tokens. */
function passesAlone(id: string, { expect, outcome, code, brokenRules, tooFewTokens }: FaultResult): boolean | null {
  if (expect !== 'caught' || code !== null) return null;
  if (brokenRules.includes(id)) return false;
  return outcome === 'notJudged' || tooFewTokens.includes(id) ? null : true;
}

/** As a rule of a file carries it. @param date - YYYY-MM-DD. */
export function damageOf({ faults, passes }: RuleDamage, cases: readonly SelfTestCase[], date: string): Damage {
  const on = cases.map(
    ({ name, model, prompts, tokens }) =>
      `${name} (${model}), ${prompts.length === 1 ? '1 prompt' : `${prompts.length} prompts`}, ${tokens} tokens`,
  );
  return { on: on.join('; '), date, faults, passes };
}
