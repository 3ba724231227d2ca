// The failure text of a test in somebody else's project: what broke, where, with numbers, and the next command.
import { describe, expect, it } from 'vitest';
import { failedRun, failedRunHighlights } from './failed-run.fixture.ts';
import { gateFailureText } from './gate-failure.ts';
import {
  caseExample,
  highlightsOf,
  ruleExample,
  runExample,
  tokenExample,
  variantExample,
} from './run-record.fixture.ts';
import { describeToken } from './worst-tokens.ts';

describe('gateFailureText', () => {
  it('has the broken rules, the worst token and what to type next', () => {
    expect(gateFailureText(failedRun, failedRunHighlights, 'reports/x')).toBe(
      `general › fails[1] › N150 device model › logits
  FAIL  pcc-minimum: 1 of 6 tokens
        pcc-minimum: pcc 0.5, wanted >= 0.79 at sotu, position 3; 1 of 6
        finite: pcc 3, wanted <= 0; 2 of 6
        worst at position 3, token 7 "x": PCC 0.50000
        PCC 0.5 < 0.79
        max |difference| 0.250 at vocabulary entry 3
        top-1 agrees; 0 of top-5 differ; KL 0.00100 nat
        2 tokens of 3 failed
  next: qwen-pcc inspect reports/x --prompt fails --user 1 --token 3`,
    );
  });

  it('shows both logits of the largest difference where it is among the best tokens', () => {
    const plain = tokenExample();
    const record = {
      ...plain,
      status: 'failFlip' as const,
      moments: { ...plain.moments!, maxAbsIndex: 2 },
      choice: { ...plain.choice!, flip: 'real' as const, overlap5: 3 },
      distribution: null,
    };
    const lines = gateFailureText(runExample(), highlightsOf(record), 'x').split('\n');
    expect(lines.slice(2, 6)).toEqual([
      '        worst at position 0, token 7 "x": PCC 0.99900',
      '        max |difference| 0.250 at vocabulary entry 2: golden 8.5000, actual 9.0000',
      '        top-1 differs; 2 of top-5 differ; KL none nat',
      '        1 token of 1 failed',
    ]);
  });

  it('shows no logits where there is nothing to choose from', () => {
    const text = gateFailureText(runExample(), highlightsOf(tokenExample({ choice: null })), 'x');
    expect(text).toContain('max |difference| 0.250 at vocabulary entry 3\n');
    expect(text).not.toContain('top-1');
  });

  it('says of a token that passes that it is the lowest, and no more than is known of it', () => {
    const record = tokenExample({ moments: null, choice: null, position: 9, step: 2 });
    const lines = gateFailureText(runExample(), highlightsOf(record), 'x').split('\n');
    expect(lines.slice(2, 4)).toEqual([
      '        lowest at position 9 (decode step 2), token 7 "x": PCC 0.99900',
      '        0 tokens of 1 failed',
    ]);
  });

  it('says that no token was judged, and where to look then', () => {
    expect(gateFailureText(runExample(), highlightsOf(), 'x')).toBe(
      `general › N150 device model › logits
  PASS  all good
        no token was judged
        0 tokens of 0 failed
  next: qwen-pcc inspect x`,
    );
  });

  it('goes by what there is: a variant’s name, or that there is no case', () => {
    const unopened = runExample({ cases: [caseExample({ variants: [variantExample({ source: null })] })] });
    expect(gateFailureText(unopened, highlightsOf(), 'x')).toMatch(/^general › n150 › logits\n/);
    expect(gateFailureText(runExample({ cases: [] }), highlightsOf(), 'x')).toMatch(/^no case › no device › logits\n/);
  });

  it('names the prompt of a rule over prompts, with its row of a batch', () => {
    const worstAt = { case: 'general', variant: 'n150', prompt: 'sotu', user: 0, position: null };
    const rules = [worstAt, { ...worstAt, user: 2, position: 0 }, null].map((at) =>
      ruleExample({ status: 'fail', worstAt: at }),
    );
    const run = runExample({ gate: { rules } });
    const text = gateFailureText(run, highlightsOf(), 'x');
    expect(text).toContain('wanted >= 0.79 at sotu; 0 of 6\n');
    expect(text).toContain('wanted >= 0.79 at sotu[2], position 0; 0 of 6\n');
    expect(text).toContain('wanted >= 0.79; 0 of 6\n');
  });
});

describe('describeToken', () => {
  it('has PCC, KL and the reason, as far as there are any', () => {
    expect(describeToken(tokenExample())).toBe('PCC 0.99900; KL 0.00100 nat');
    expect(describeToken(tokenExample({ pcc: null, distribution: null, reason: 'constant' }))).toBe(
      'PCC none; constant',
    );
  });
});
