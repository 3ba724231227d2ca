// The whole step summary of a run in which everything happened, and what differs in others.
import { describe, expect, it } from 'vitest';
import { coverageLine } from './coverage-line.ts';
import { failedRun, failedRunHighlights } from './failed-run.fixture.ts';
import { escapeCell, SUMMARY_BYTES_MAX, summaryMarkdown } from './markdown.ts';
import {
  caseExample,
  highlightsOf,
  promptExample,
  runExample,
  tokenExample,
  variantExample,
} from './run-record.fixture.ts';

describe('summaryMarkdown', () => {
  it('says of each prompt, rule and token what became of it', () => {
    expect(summaryMarkdown(failedRun, failedRunHighlights)).toBe(`# qwen-pcc: fail

pcc-minimum: 1 of 6 tokens. Run \`2026-11-24T10-43-10Z\`, 1 min 2 s.

coverage: 2 prompts of 4 · prefill 4, decode 2, skipped 4 · 2 of 4 rules judged · without a judgement: never, few.
1 token skipped: masked.
3 tokens skipped: no row.

## general

N150 device model against ONNX reference, \`tiny-device\`.
Note: a \\<note\\>.

| prompt | tokens judged | PCC lowest | PCC median | KL mean (nat) | top-1 | real flips | tokens say |
|---|--:|--:|--:|--:|--:|--:|---|
| sotu | 4 of 6 | 0.91000 | 0.98765 | 0.0123 | 87.5 % | 1 | pass |
| fails\\[1\\] | 6 of 6 | 0.91000 | 0.98765 | 0.0123 | 87.5 % | 1 | fail |
| breaks | 6 of 8 | 0.91000 | 0.98765 | 0.0123 | 87.5 % | 1 | invalid: the device is gone. |
| never | 0 of 6 | none | none | none | none | none | notRun |

## Rules

| rule | scope | metric | observed | limit | headroom | status |
|---|---|---|--:|--:|--:|---|
| holds | token | pcc | 0.91 | >= 0.79 | 57 % | pass |
| pcc-minimum | token | pcc | 0.5 | >= 0.79 | -138 % | fail |
| finite | token | pcc | 3 | <= 0 |  | invalid |
| never | token | pcc | none | >= 0.79 | none | not triggered |
| few | run | pccP1 | none | >= 0.79 | none | too few tokens (6 of at least 50) |

## Worst 3 tokens of 3

| prompt | position | token | status | why |
|---|--:|---|---|---|
| fails\\[1\\] | [3](report.html#/general/n150/fails/3?user=1) | "x" | failPcc | PCC 0.50000; KL 0.00100 nat; PCC 0.5 \\< 0.79 |
| fails\\[1\\] | [5](report.html#/general/n150/fails/5?user=1) | "a\\|b" | failKl | PCC 0.99900 |
| sotu | [1](report.html#/general/n150/sotu/1) | "x" | pass | PCC 0.99900; KL 0.00100 nat |

Look at the first failing token with \`qwen-pcc inspect reports/2026-11-24T10-43-10Z --prompt fails --user 1 --token 3\`, or [in the report](report.html#/general/n150/fails/3?user=1).

PCC semantics \`strict\`, minimum 0.79; teacher forcing. Repeat with \`qwen-pcc validate\`.
`);
  });

  it('points to no failing token of a run that passed', () => {
    const text = summaryMarkdown(runExample(), highlightsOf(tokenExample()));
    expect(text).not.toContain('Look at');
    expect(text).toContain('\n## Worst 1 token of 1\n');
  });

  it('has no time of a run that was killed, and says how it decoded', () => {
    const config = { ...runExample().config, mode: 'freeRunning' } as const;
    const text = summaryMarkdown(runExample({ durationMs: null, config }), highlightsOf());
    expect(text).toContain('Run `2026-11-24T10-43-10Z`.\n');
    expect(text).toContain('minimum 0.79; free running. Repeat');
  });

  it('goes by the names of the plan where nothing was opened', () => {
    const cases = [caseExample({ reference: null, variants: [variantExample({ source: null })] })];
    expect(summaryMarkdown(runExample({ cases }), highlightsOf())).toContain(
      '\nn150 against tiny-qwen2, `tiny-qwen2`.\n',
    );
  });

  it('tells variants of a case apart by their names', () => {
    const cases = [caseExample({ variants: [variantExample(), variantExample({ name: 'bf16' })] })];
    const text = summaryMarkdown(runExample({ cases }), highlightsOf(tokenExample()));
    expect(text).toContain('\n## general, n150\n');
    expect(text).toContain('\n## general, bf16\n');
    expect(text).toContain('\n| general, n150, sotu | [0](report.html#/general/n150/sotu/0) |');
    const mixed = [...cases, caseExample({ name: 'other' })];
    expect(summaryMarkdown(runExample({ cases: mixed }), highlightsOf(tokenExample()))).toContain(
      '\n| general, n150, sotu',
    );
  });

  it('says none of numbers that no token of a prompt has', () => {
    const prompts = [promptExample({ summary: { ...promptExample().summary!, pcc: null, klNats: null, top1: null } })];
    const cases = [caseExample({ variants: [variantExample({ prompts })] })];
    expect(summaryMarkdown(runExample({ cases }), highlightsOf())).toContain(
      '| sotu | 6 of 6 | none | none | none | none | 1 | pass |',
    );
  });

  it('tells cases apart by their names', () => {
    const text = summaryMarkdown(runExample({ cases: [caseExample(), caseExample()] }), highlightsOf(tokenExample()));
    expect(text).toContain('\n## general\n');
    expect(text).toContain('\n| general, n150, sotu | [0](report.html#/general/n150/sotu/0) |');
  });

  it.each([
    { headline: 'is it so?', shown: 'is it so? Run' },
    { headline: 'so it is!', shown: 'so it is! Run' },
    { headline: 'at 3.5 nat', shown: 'at 3.5 nat. Run' },
  ])('ends a sentence once: $shown', ({ headline, shown }) => {
    const verdict = { ...runExample().verdict, headline };
    expect(summaryMarkdown(runExample({ verdict }), highlightsOf())).toContain(`\n${shown} \``);
  });

  it.each([
    { command: 'a `b`', span: '`` a `b` ``' },
    { command: '`` and `', span: '``` `` and ` ```' },
  ])('shows $command whole', ({ command, span }) => {
    expect(summaryMarkdown(runExample({ command }), highlightsOf())).toContain(`Repeat with ${span}.\n`);
  });

  it('is cut at the line that GitHub would not take, and not before', () => {
    const note = 'The rest was cut; the run folder has all of it.';
    const textOf = (length: number): string => {
      const cases = [caseExample({ variants: [variantExample({ notes: ['ü'.repeat(length)] })] })];
      return summaryMarkdown(runExample({ cases }), highlightsOf());
    };
    const rest = Buffer.byteLength(textOf(1)) - 2;
    // Room for the note is kept, whether it is needed or not.
    const longest = Math.floor((SUMMARY_BYTES_MAX - note.length - 1 - 1 - rest) / 2);
    expect(textOf(longest)).not.toContain(note);
    expect(textOf(longest + 1)).toMatch(new RegExp(`\nPCC semantics .*\n${note}$`));
    expect(Buffer.byteLength(textOf(longest + 1))).toBeLessThanOrEqual(SUMMARY_BYTES_MAX);
    expect(SUMMARY_BYTES_MAX).toBeLessThan(2 ** 20);
  });

  it('has of a prompt’s cause the first line only', () => {
    const prompts = [promptExample({ cause: 'one | two\nthree' })];
    const text = summaryMarkdown(
      runExample({ cases: [caseExample({ variants: [variantExample({ prompts })] })] }),
      highlightsOf(),
    );
    expect(text).toContain('| pass: one \\| two |');
  });
});

describe('escapeCell', () => {
  it('takes every character of Markdown by its letter and keeps one line', () => {
    expect(escapeCell('\\`*_{}[]<>|#')).toBe('\\\\\\`\\*\\_\\{\\}\\[\\]\\<\\>\\|\\#');
    expect(escapeCell('a \n\t b')).toBe('a b');
  });
});

describe('coverageLine', () => {
  it('names what was not judged only where there is such a rule', () => {
    expect(coverageLine(runExample())).toBe(
      'coverage: 1 prompt of 1 · prefill 4, decode 2, skipped 0 · 1 of 1 rule judged',
    );
  });
});
