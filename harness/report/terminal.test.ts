// The closing summary, line by line: a run in which everything happened, and each thing by itself.
import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../record/run-record.ts';
import { failedPrompt, failedRun, failedRunHighlights } from './failed-run.fixture.ts';
import {
  caseExample,
  highlightsOf,
  promptExample,
  ruleExample,
  runExample,
  tokenExample,
  variantExample,
} from './run-record.fixture.ts';
import { ruleStatus, terminalSummary } from './terminal.ts';

const options = { chalk: new Chalk({ level: 0 }), folder: 'reports/x' };
const linesOf = (run: RunRecord, highlights = highlightsOf(tokenExample())): string[] =>
  terminalSummary(run, highlights, options).split('\n');
const lineWith = (run: RunRecord, part: string): string | undefined => linesOf(run).find((line) => line.includes(part));

describe('the closing summary', () => {
  it('of a failed run says of each prompt, token and rule what became of it, then what to do', () => {
    expect(terminalSummary(failedRun, failedRunHighlights, options)).toBe(
      `general · tiny-device · N150 device model
against ONNX reference
note: a <note>
prompt                                tokens  PCC lowest  PCC median  KL mean/nat   top-1  real flips  tokens say
sotu (parts at position 5)  4+2 (4 recorded)     0.91000     0.98765       0.0123  87.5 %           1        pass
fails[1]                                 4+2     0.91000     0.98765       0.0123  87.5 %           1        fail
breaks                                6 of 8     0.91000     0.98765       0.0123  87.5 %           1     stopped
never                                 0 of 6        none        none         none    none        none     not run

worst 3 tokens
× fails[1] · position 3 · token "x"
    PCC 0.50000; KL 0.00100 nat; PCC 0.5 < 0.79
× fails[1] · position 5 (decode step 1) · token "a|b"
    PCC 0.99900
· sotu · position 1 · token "x"
    PCC 0.99900; KL 0.00100 nat

rule         scope  origin  observed    limit  headroom  broken                            verdict
holds        token  compat      0.91  >= 0.79      57 %       0                               pass
pcc-minimum  token  compat       0.5  >= 0.79    -138 %       1                               fail
finite       token  hard           3     <= 0                 2                            invalid
never        token  compat      none  >= 0.79      none       0                      not triggered
few          run    compat      none  >= 0.79      none       0  too few tokens (6 of at least 50)

1 token skipped: masked
3 tokens skipped: no row
coverage: 2 prompts of 4 · prefill 4, decode 2, skipped 4 · 2 of 4 rules judged · without a judgement: never, few
18 tokens judged of 26 planned in 1 min 2 s · PCC semantics strict · reports/x
reference 3.0 s · device 1 min 5 s · comparison 0.1 s · opening both 3.5 s · memory 2.0 MiB, with mapped files 2.0 GiB
FAIL  pcc-minimum: 1 of 6 tokens
lens  reports/x/report.html#/general/n150/fails/3?user=1
next  qwen-pcc inspect reports/x --prompt fails --user 1 --token 3
4 prompts and 5 rules: 2 passed, 4 failed, 1 not run
`,
    );
  });

  it('of a run that passed ends with its counts and has nothing to do next', () => {
    expect(linesOf(runExample(), highlightsOf()).slice(-6)).toEqual([
      'coverage: 1 prompt of 1 · prefill 4, decode 2, skipped 0 · 1 of 1 rule judged',
      '6 tokens judged of 6 planned in 1 min 2 s · PCC semantics strict · reports/x',
      'PASS  all good',
      'lens  reports/x/report.html',
      '1 prompt and 1 rule: 2 passed, 0 failed',
      '',
    ]);
    expect(linesOf(runExample(), highlightsOf()).slice(3, 6)).toEqual([
      expect.stringMatching(/^sotu /),
      '',
      expect.stringMatching(/^rule /),
    ]);
  });

  it('has no time of a run that was killed', () => {
    expect(lineWith(runExample({ durationMs: null }), ' planned')).toBe(
      '6 tokens judged of 6 planned · PCC semantics strict · reports/x',
    );
  });

  it.each([
    { peakAnonymousBytes: null, peakResidentBytes: 1 },
    { peakAnonymousBytes: 1, peakResidentBytes: null },
  ])('says no memory where the system does not tell: %o', (memory) => {
    const usage = { ...failedRun.usage!, ...memory };
    expect(lineWith(runExample({ usage }), 'reference ')).toMatch(/ · opening both 3\.5 s$/);
  });

  it('goes by the names of the plan where nothing was opened', () => {
    const cases = [caseExample({ reference: null, variants: [variantExample({ source: null })] })];
    expect(linesOf(runExample({ cases })).slice(0, 2)).toEqual(['general · tiny-qwen2 · n150', 'against tiny-qwen2']);
  });

  it('shows a hundred prompts and says how many more there are', () => {
    const of = (count: number): RunRecord =>
      runExample({
        cases: [caseExample({ variants: [variantExample({ prompts: new Array(count).fill(promptExample()) })] })],
      });
    expect(linesOf(of(100)).filter((line) => line.startsWith('sotu '))).toHaveLength(100);
    expect(linesOf(of(100)).join('\n')).not.toContain('more in summary.md');
    expect(linesOf(of(102)).filter((line) => line.startsWith('sotu '))).toHaveLength(100);
    expect(linesOf(of(102))).toContain('and 2 prompts more in summary.md');
  });

  it('says none of numbers that no token of a prompt has', () => {
    const prompts = [promptExample({ summary: { ...promptExample().summary!, pcc: null, klNats: null, top1: null } })];
    const cases = [caseExample({ variants: [variantExample({ prompts })] })];
    expect(lineWith(runExample({ cases }), 'sotu ')).toMatch(/^sotu +4\+2 +none +none +none +none +1 +pass$/);
  });

  it('calls a prompt stopped that began and did not end', () => {
    const cases = [caseExample({ variants: [variantExample({ prompts: [promptExample({ stop: null })] })] })];
    expect(lineWith(runExample({ cases }), 'sotu ')).toMatch(/^sotu +6 of 6 .* stopped$/);
  });
});

describe('the worst tokens', () => {
  const six = Array.from({ length: 6 }, (_, position) => tokenExample({ position }));

  it('are five at most', () => {
    const lines = linesOf(runExample(), highlightsOf(...six));
    expect(lines).toContain('worst 5 tokens');
    expect(lines.filter((line) => line.startsWith('· sotu'))).toHaveLength(5);
  });

  it.each([
    { name: 'one case', cases: [caseExample()], where: '· sotu · position 0' },
    { name: 'two cases', cases: [caseExample(), caseExample()], where: '· general · sotu · position 0' },
    {
      name: 'two variants',
      cases: [caseExample({ variants: [variantExample(), variantExample()] })],
      where: '· n150 · sotu · position 0',
    },
    {
      name: 'two cases, one of two variants',
      cases: [caseExample(), caseExample({ variants: [variantExample(), variantExample()] })],
      where: '· general · n150 · sotu · position 0',
    },
  ])('say of $name where they are, and no more', ({ cases, where }) => {
    expect(linesOf(runExample({ cases })).some((line) => line.startsWith(where))).toBe(true);
  });
});

describe('the next step', () => {
  const failing = { ...failedRun.verdict, firstFailure: null };

  it.each(['INTERRUPTED', 'RUN_UNFINISHED'])('of a run with %s is to go on with it', (code) => {
    const run = runExample({ failure: { code, message: 'stopped', exitCode: 130 }, verdict: failing });
    expect(lineWith(run, 'next')).toBe('next  go on with: qwen-pcc validate --resume reports/x');
  });

  it('is the worst token where no token failed, but a rule over all of them', () => {
    const run = runExample({ verdict: failing, failure: { code: 'OTHER', message: '', exitCode: 3 } });
    expect(lineWith(run, 'next')).toBe('next  qwen-pcc inspect reports/x --prompt sotu --token 0');
  });

  it('is none where no token was judged', () => {
    expect(linesOf(runExample({ verdict: failing }), highlightsOf()).join('\n')).not.toContain('next');
  });
});

describe('the last line', () => {
  const lastLine = (run: RunRecord): string => linesOf(run).at(-2)!;

  it('counts at least one failure in a run that did not pass', () => {
    expect(lastLine(runExample({ verdict: { ...failedRun.verdict, status: 'error' } }))).toBe(
      '1 prompt and 1 rule: 2 passed, 1 failed',
    );
  });

  it('counts broken and invalid rules beside the prompts, but not those that judged nothing', () => {
    const rules = (['fail', 'invalid', 'notTriggered'] as const).map((status) => ruleExample({ status }));
    const cases = [caseExample({ variants: [variantExample({ prompts: [failedPrompt] })] })];
    expect(lastLine(runExample({ cases, gate: { rules }, verdict: failedRun.verdict }))).toBe(
      '1 prompt and 3 rules: 0 passed, 3 failed',
    );
  });
});

describe('ruleStatus', () => {
  it('has the numbers of a sample that was too small', () => {
    const token = ruleExample({ status: 'tooFewTokens', largestTooFew: null });
    expect(ruleStatus(token)).toBe('too few tokens (0 of at least 1)');
    expect(ruleStatus(failedRun.gate.rules[4]!)).toBe('too few tokens (6 of at least 50)');
  });
});

describe('colours', () => {
  const red = (text: string): string => `\u001b[31m${text}\u001b[39m`;
  const green = (text: string): string => `\u001b[32m${text}\u001b[39m`;
  const coloured = (run: RunRecord, highlights = failedRunHighlights): string =>
    terminalSummary(run, highlights, { ...options, chalk: new Chalk({ level: 1 }) });

  it('are green for what is good and red for what is not', () => {
    const text = coloured(failedRun);
    for (const word of ['fail', 'stopped', 'not run', 'invalid', '×']) expect(text).toContain(red(word));
    expect(text.split('\n').find((line) => line.startsWith('sotu'))).toContain(green('pass'));
    expect(text.split('\n').find((line) => line.startsWith('holds'))).toContain(green('pass'));
    expect(text).toContain('\u001b[33mnot triggered\u001b[39m');
    expect(text).toContain('\u001b[33mtoo few tokens (6 of at least 50)\u001b[39m');
    expect(text).toContain('\u001b[31m\u001b[1mFAIL');
    expect(coloured(runExample())).toContain('\u001b[32m\u001b[1mPASS');
  });
});
