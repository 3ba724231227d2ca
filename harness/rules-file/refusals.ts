// What is wrong with a rule of a file, as an error that names file and place.
import { InputError, nearestName } from '../../src/errors.ts';
import type { GateRule } from '../record/rules.ts';

export function unknownRule(id: string, at: string, file: string, rules: readonly Pick<GateRule, 'id'>[]): InputError {
  const ids = rules.map((rule) => rule.id);
  const meant = nearestName(id, ids);
  return refuse('CONFIG_RULE', `${file}: there is no rule ${id}.`, {
    facts: { at, wanted: ids.join(', ') },
    hint: meant === undefined ? 'name one of those.' : `did you mean ${meant}?`,
  });
}

export function refuse(
  code: 'CONFIG_RULE' | 'CONFIG_HARD' | 'CONFIG_LOOSENED' | 'CONFIG_EXPIRES',
  subject: string,
  details: { readonly facts: Readonly<Record<string, string>>; readonly hint: string },
): InputError {
  return new InputError(subject, { code, ...details });
}
