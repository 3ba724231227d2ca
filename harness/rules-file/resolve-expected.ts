// Expected failures of a file as those of a plan: at the variants of its cases, of rules that it has and that are not hard.
import type { ExpectedFailure } from '../record/allowances.ts';
import type { GateRule } from '../record/rules.ts';
import { allowanceOf, type PlannedCases, select } from './places.ts';
import { refuse, unknownRule } from './refusals.ts';
import type { ExpectedEntry } from './rules-file.ts';

interface Plan {
  readonly cases: PlannedCases;
  /** YYYY-MM-DD. */
  readonly today: string;
  readonly file: string;
  readonly rules: readonly GateRule[];
  /** Rules of the file that stand nowhere in this plan. */
  readonly unused: readonly Pick<GateRule, 'id'>[];
  /** Taken to: entries that apply to nothing. */
  readonly notes: string[];
}

/** @throws InputError CONFIG_RULE, CONFIG_HARD, CONFIG_EXPIRES. */
export function resolveExpected(
  entries: readonly ExpectedEntry[],
  { file, rules, unused, cases, today, notes }: Plan,
): ExpectedFailure[] {
  return entries.flatMap((entry, i) => {
    const { rule: id, applies = {} } = entry;
    const place = `expected[${i}]`;
    const rule = rules.find((one) => one.id === id);
    if (rule === undefined && unused.some((one) => one.id === id)) {
      notes.push(`what ${file} expects of ${id} applies to nothing here`);
      return [];
    }
    if (rule === undefined) throw unknownRule(id, `${place}.rule`, file, rules);
    if (rule.origin === 'hard') {
      throw refuse('CONFIG_HARD', `${file}: ${id} is a hard rule, whose failures nobody may expect.`, {
        facts: { at: `${place}.rule`, why: rule.reason },
        hint: 'take the entry out.',
      });
    }
    const { prompt, positions } = applies;
    const narrow =
      rule.scope === 'run' && prompt !== undefined
        ? 'prompt'
        : rule.scope !== 'token' && positions
          ? 'positions'
          : undefined;
    if (narrow !== undefined) {
      throw refuse(
        'CONFIG_RULE',
        `${file}: ${id} is a rule over a whole ${rule.scope === 'run' ? 'variant' : 'prompt'}.`,
        {
          facts: { at: `${place}.applies.${narrow}` },
          hint: 'take it out.',
        },
      );
    }
    if (positions !== undefined && positions[0] > positions[1]) {
      throw refuse('CONFIG_RULE', `${file}: no position lies in this range.`, {
        facts: { at: `${place}.applies.positions`, found: positions.join(' to ') },
        hint: 'write the first position before the last.',
      });
    }
    const places = select(cases, applies);
    if (places.length === 0) {
      notes.push(`what ${file} expects of ${id} applies to nothing here`);
      return [];
    }
    return [
      {
        rule: id,
        places,
        ...(prompt === undefined ? {} : { prompt }),
        ...(positions === undefined ? {} : { positions }),
        ...allowanceOf(entry, { file, place, today }),
      },
    ];
  });
}
