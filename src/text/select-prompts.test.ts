// Prompts by name: for every case those that it has, an error only for a name that none has.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { selectPrompts } from './select-prompts.ts';

const named = (...names: readonly string[]): { readonly name: string }[] => names.map((name) => ({ name }));
const cases = [
  { caseName: 'general_weights-1_batch', file: 'general.json', prompts: named('first', 'second', 'both') },
  { caseName: 'instruct_weights-1_batch', file: 'instruct.json', prompts: named('ask', 'both') },
];
const select = (...names: readonly string[]): readonly string[][] =>
  selectPrompts(cases, names).map((prompts) => prompts.map(({ name }) => name));

describe('selectPrompts', () => {
  it('picks in the order asked for, in each case what it has', () => {
    expect(select('second', 'first')).toEqual([['second', 'first'], []]);
    expect(select('both', 'ask', 'first')).toEqual([
      ['both', 'first'],
      ['both', 'ask'],
    ]);
  });

  it('refuses a name that no case has, and says which prompts each case has and in which file', () => {
    expect(() => select('first', 'secnd')).toThrow(UsageError);
    expect(() => select('secnd')).toThrow(/"secnd"[\s\S]*did you mean "second"/);
    expect(() => select('secnd')).toThrow(/general_weights-1_batch +general\.json has first, second, both/);
    expect(() => select('secnd')).toThrow(/instruct_weights-1_batch +instruct\.json has ask, both/);
  });

  it('lists ten names and counts the others', () => {
    const many = [{ caseName: 'a', file: 'f', prompts: named(...Array.from({ length: 25 }, (_, i) => `p${i}`)) }];
    expect(() => selectPrompts(many, ['other-name'])).toThrow(/p8, p9 and 15 more/);
  });

  it('refuses a name that is asked for twice', () => {
    expect(() => select('both', 'first', 'both')).toThrow(/--prompt both is given twice/);
  });

  it('looks at each of 20,000 prompts a fixed number of times', () => {
    let reads = 0;
    const prompts = Array.from({ length: 20_000 }, (_, i) => ({
      get name() {
        reads++;
        return `p${i}`;
      },
    }));
    const names = Array.from({ length: 20_000 }, (_, i) => `p${19_999 - i}`);
    expect(selectPrompts([{ caseName: 'a', file: 'f', prompts }], names)[0]).toHaveLength(20_000);
    expect(reads).toBeLessThanOrEqual(3 * 20_000);
  });
});
