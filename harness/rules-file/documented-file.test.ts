// docs/rules-file.md: its example is a rules file, and its metrics are those that there are.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { codeBlocks } from '../docs/documents.fixture.ts';
import { parseRulesFile } from './read-rules-file.ts';
import { resolveRules } from './resolve-rules.ts';
import { metricsOf } from './rule-metrics.ts';

const page = readFileSync(new URL('../../docs/rules-file.md', import.meta.url), 'utf8');

describe('docs/rules-file.md', () => {
  it('shows a file that is understood, and every entry of which applies', () => {
    const blocks = codeBlocks('docs/rules-file.md').filter(({ language }) => language === 'json');
    expect(blocks).toHaveLength(1);
    const content = parseRulesFile(JSON.parse(blocks[0]!.code), 'docs');
    const variants = content.variants!.map(({ name }) => ({
      ...{ name: name!, model: 'tiny', device: { kind: 'n150' as const, knobs: {} } },
    }));
    const { judge, notes } = resolveRules(
      { path: 'f', sha256: '0'.repeat(64), content },
      { semantics: 'strict', threshold: undefined, cases: [{ name: 'general', variants }], today: '2026-11-26' },
    );
    expect(notes).toEqual([]);
    expect(judge.expected).toHaveLength(1);
  });

  it.each(['token', 'run'] as const)('lists the metrics of a %s', (scope) => {
    const row = page.split('\n').find(
      (line) =>
        line.startsWith('| ') &&
        line
          .split('|')[1]!
          .split(', ')
          .some((cell) => cell.trim() === scope),
    )!;
    expect(row.split('|')[2]!.trim().split(', ')).toEqual([...metricsOf(scope)]);
  });
});
