// A rule of a file, checked: a change of a default rule that is not hard, or a rule of its own that says all it needs.
import { nearestName } from '../../src/errors.ts';
import { BASELINE_RULE_ID, type GateRule } from '../record/rules.ts';
import { refuse, unknownRule } from './refusals.ts';
import { metricsOf } from './rule-metrics.ts';
import type { RuleEntry } from './rules-file.ts';

export interface CheckedEntry extends RuleEntry {
  /** `rules[2]` */
  readonly place: string;
}

export interface Where {
  readonly file: string;
  readonly place: string;
  readonly defaults: readonly GateRule[];
}

/** @throws InputError CONFIG_RULE, CONFIG_HARD. */
export function checkEntry(entry: RuleEntry, { file, place, defaults }: Where): CheckedEntry {
  const named = defaults.find(({ id }) => id === entry.id);
  const at = (key: string): string => `${place}.${key}`;
  if (entry.id === BASELINE_RULE_ID) {
    throw refuse('CONFIG_RULE', `${file}: ${entry.id} is the name of the rule that a baseline brings.`, {
      facts: { at: at('id') },
      hint: 'give the rule a name of its own.',
    });
  }
  if (named !== undefined && entry.applies !== undefined) {
    throw refuse('CONFIG_RULE', `${file}: ${entry.id} is a default rule, which stays where this one does not apply.`, {
      facts: { at: at('id') },
      hint: `give this one a name of its own: "id": "${entry.id}-…", "instead": "${entry.id}".`,
    });
  }
  const instead = entry.instead ?? named?.id;
  if (instead === undefined) return { ...requireOwn(entry, { file, place, defaults }), place };
  const rule = defaults.find(({ id }) => id === instead);
  if (rule === undefined) throw unknownRule(instead, at('instead'), file, defaults);
  if (named !== undefined && named.id !== instead) {
    throw refuse('CONFIG_RULE', `${file}: ${entry.id} is a default rule's name.`, {
      facts: { at: at('id') },
      hint: 'give the rule a name of its own.',
    });
  }
  if (rule.origin === 'hard') {
    throw refuse('CONFIG_HARD', `${file}: ${instead} is a hard rule, which no file changes.`, {
      facts: { at: at(entry.instead === undefined ? 'id' : 'instead'), why: rule.reason },
      hint: 'take the entry out.',
    });
  }
  const fixed = (['scope', 'phase', 'metric'] as const).find(
    (key) => entry[key] !== undefined && entry[key] !== rule[key],
  );
  if (fixed !== undefined) {
    throw refuse('CONFIG_RULE', `${file}: what stands in the place of ${instead} has its ${fixed}.`, {
      facts: { at: at(fixed), found: String(entry[fixed]), wanted: String(rule[fixed]) },
      hint: `take ${fixed} out, or take "instead" out and make it a rule beside ${instead}, with a name of its own.`,
    });
  }
  if (entry.off === true && entry.threshold !== undefined) {
    throw refuse('CONFIG_RULE', `${file}: ${entry.id} is switched off and has a threshold.`, {
      facts: { at: place },
      hint: 'take one of the two out.',
    });
  }
  return { ...entry, instead, place };
}

function requireOwn(entry: RuleEntry, { file, place, defaults }: Where): RuleEntry {
  const { id, scope, metric, threshold, reason, sampleMinimum } = entry;
  const missing = [
    ...(scope === undefined ? ['scope'] : []),
    ...(metric === undefined ? ['metric'] : []),
    ...(threshold === undefined ? ['threshold'] : []),
    ...(reason === undefined ? ['reason'] : []),
    ...(scope !== undefined && scope !== 'token' && sampleMinimum === undefined ? ['sampleMinimum'] : []),
  ];
  if (missing.length > 0) {
    const ids = defaults.map((rule) => rule.id);
    const meant = nearestName(id, ids);
    throw refuse('CONFIG_RULE', `${file}: "${id}" is no default rule, and lacks what a rule of your own needs.`, {
      facts: { at: place, missing: missing.join(', ') },
      hint:
        meant === undefined ? `add ${missing.join(', ')}, or name one of ${ids.join(', ')}.` : `did you mean ${meant}?`,
    });
  }
  const known = metricsOf(scope!);
  if (!known.includes(metric!)) {
    throw refuse('CONFIG_RULE', `${file}: there is no metric ${metric} of a ${scope}.`, {
      facts: { at: `${place}.metric`, wanted: known.join(', ') },
      hint: `take one of those${nearestName(metric!, known) === undefined ? '' : `; did you mean ${nearestName(metric!, known)}?`}`,
    });
  }
  const useless = (['off', 'loosened'] as const).find((key) => entry[key] !== undefined);
  if (useless !== undefined || (scope === 'token' && sampleMinimum !== undefined)) {
    throw refuse('CONFIG_RULE', `${file}: a rule of your own has no ${useless ?? 'sampleMinimum'}.`, {
      facts: { at: `${place}.${useless ?? 'sampleMinimum'}` },
      hint: 'take it out.',
    });
  }
  return entry;
}

/** @throws InputError CONFIG_RULE. */
export function requireOwnIds(entries: readonly CheckedEntry[], file: string): void {
  const seen = new Set<string>();
  for (const { id, place } of entries) {
    if (seen.has(id)) {
      throw refuse('CONFIG_RULE', `${file}: two rules are called ${id}.`, {
        facts: { second: place },
        hint: 'give each rule a name of its own.',
      });
    }
    seen.add(id);
  }
}
