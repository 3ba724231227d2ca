// Words of a comparison's page: the league in one sentence, marks of its words, powers of ten.
import type { CompareEntrant, CompareRecord } from '../../compare/league/compare-record.ts';

/** Beside the word, so that colour is never all. */
export const WORD_MARKS: Readonly<Record<CompareEntrant['word'], string>> = {
  better: '▲',
  worse: '▼',
  equivalent: '=',
  undecided: '?',
  base: '◆',
};

const ORDER = ['worse', 'better', 'equivalent', 'undecided'] as const;
const PHRASES: Readonly<Record<(typeof ORDER)[number], (base: string) => string>> = {
  worse: (base) => `worse than ${base}`,
  better: (base) => `better than ${base}`,
  equivalent: (base) => `equivalent to ${base}`,
  undecided: () => 'undecided',
};

/** "Of 3 variants 1 is worse than X, 2 are undecided." Variants of a league, at least one. */
export function leagueSentence({ base, league }: CompareRecord): string {
  const others = league.filter(({ word }) => word !== 'base');
  if (others.length === 0) return `Nothing stands beside ${base}.`;
  const groups = ORDER.map((word) => [word, others.filter((one) => one.word === word)] as const);
  const present = groups.filter(([, all]) => all.length > 0);
  if (others.length === 1) return `${others[0]!.label} is ${PHRASES[present[0]![0]](base)}.`;
  if (present.length === 1) return `All ${others.length} variants are ${PHRASES[present[0]![0]](base)}.`;
  const parts = present.map(
    ([word, all], i) => `${all.length} ${all.length === 1 ? 'is' : 'are'} ${PHRASES[word](i === 0 ? base : 'it')}`,
  );
  return `Of ${others.length} variants ${parts.join(', ')}.`;
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** As people write it: 10⁻³; 1 and 10 stay what they are. */
export function powerOfTen(exponent: number): string {
  if (exponent === 0 || exponent === 1) return String(10 ** exponent);
  const digits = Array.from(String(Math.abs(exponent)), (digit) => SUPERSCRIPTS[Number(digit)]);
  return `10${exponent < 0 ? '⁻' : ''}${digits.join('')}`;
}
