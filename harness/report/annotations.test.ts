// Annotations of a GitHub job: never more than ten, and no text of a run can become a command of its own.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TokenRecord } from '../record/token-record.ts';
import { githubAnnotations } from './annotations.ts';
import { highlightsOf, runExample, tokenExample } from './run-record.fixture.ts';

const failing = (position: number, overrides: Partial<TokenRecord> = {}): TokenRecord =>
  tokenExample({ prompt: 'sotu', position, status: 'failKl', reason: 'KL above 0.1', ...overrides });

describe('githubAnnotations', () => {
  it('are the verdict and the failing tokens, the worst first', () => {
    const verdict = { ...runExample().verdict, status: 'fail', headline: '1 of 2 tokens failed' } as const;
    const lines = githubAnnotations(runExample({ verdict }), highlightsOf(failing(4), tokenExample({ position: 5 })));
    expect(lines).toEqual([
      '::error title=qwen-pcc%3A fail::1 of 2 tokens failed',
      '::error title=general%2C n150%2C sotu%2C position 4%2C token "x"::failKl: PCC 0.99900; KL 0.00100 nat; KL above 0.1',
    ]);
  });

  it('are one notice for a run that passed', () => {
    expect(githubAnnotations(runExample(), highlightsOf(tokenExample({})))).toEqual([
      expect.stringMatching(/^::notice title=qwen-pcc%3A pass::/),
    ]);
  });

  it('are ten at most, however many tokens fail', () => {
    const many = Array.from({ length: 50 }, (_, position) => failing(position));
    expect(githubAnnotations(runExample(), highlightsOf(...many))).toHaveLength(10);
  });

  it('are one command a line, whatever the names and reasons are', () => {
    const hostile = fc.string({
      unit: fc.constantFrom('\n', '\r', ':', ',', '%', '0', 'A', '::error::', '\u2028'),
      maxLength: 30,
    });
    fc.assert(
      fc.property(hostile, hostile, (prompt, reason) => {
        const [, line] = githubAnnotations(runExample(), highlightsOf(failing(1, { prompt, reason })));
        expect(line).toMatch(/^::error title=[^:,\r\n]*::[^\r\n]*$/);
        expect(decodeURIComponent(line!.slice(line!.indexOf('::', 2)).replaceAll(/%(?!25|0D|0A)/g, '!'))).toContain(
          reason,
        );
      }),
      { seed: 12, numRuns: 200 },
    );
  });

  it('are cut where a cause is as long as a page', () => {
    const [line] = githubAnnotations(
      runExample({ verdict: { ...runExample().verdict, status: 'invalid', headline: '\n'.repeat(100_000) } }),
      highlightsOf(),
    );
    expect(line!.length).toBeLessThan(4096);
  });
});
