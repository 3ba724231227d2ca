// docs/gate.md names every rule of the default gate with its limit, and no rule that does not exist.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { RULE_ORIGINS } from '../record/rules.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from './thresholds.ts';

const page = readFileSync(new URL('../../docs/gate.md', import.meta.url), 'utf8');
const section = page.slice(page.indexOf('\n## Rules\n'), page.indexOf('\n## Too few tokens\n'));

/** `rule limit` of each row; a row of two rules has two limits. */
const documented = section
  .split('\n')
  .filter((line) => /^\| [a-z]/.test(line) && !line.startsWith('| rule '))
  .flatMap((line) => {
    const [rules, limits] = line
      .split('|')
      .slice(1, 3)
      .map((cell) => cell.trim().split(', ')) as [string[], string[]];
    return rules.map((rule, i) => `${rule} ${limits[i]}`);
  });

it('every rule, with its limit', () => {
  expect(documented.sort()).toEqual(
    defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM })
      .map(({ id, threshold }) => `${id} ${threshold}`)
      .sort(),
  );
});

it.each(RULE_ORIGINS)('the origin %s', (origin) => {
  expect(section).toContain(`\`${origin}\``);
});
