// A run record in which everything happened that a report has to say something about.
import type { TokenHighlights } from '../gate/token-highlights.ts';
import type { PromptRecord, RunRecord } from '../record/run-record.ts';
import {
  caseExample,
  highlightsOf,
  promptExample,
  ruleExample,
  runExample,
  tokenExample,
  variantExample,
} from './run-record.fixture.ts';

/** One of each outcome that is no pass. */
export const failedPrompt: PromptRecord = promptExample({ name: 'fails', user: 1, tokensFailed: 3, outcome: 'fail' });
export const brokenPrompt: PromptRecord = promptExample({
  name: 'breaks',
  stop: 'failed',
  outcome: 'invalid',
  tokensPlanned: 8,
  cause: 'the device is gone.\n  hint: look for it.',
});
export const missingPrompt: PromptRecord = promptExample({
  name: 'never',
  stop: null,
  tokensJudged: 0,
  outcome: 'notRun',
  summary: null,
  ms: 0,
});

/** One prompt of each outcome, one rule of each status. */
export const failedRun: RunRecord = runExample({
  verdict: {
    status: 'fail',
    headline: 'pcc-minimum: 1 of 6 tokens',
    failingRules: ['pcc-minimum'],
    firstFailure: { case: 'general', variant: 'n150', prompt: 'fails', user: 1, position: 3 },
    worst: null,
  },
  cases: [
    caseExample({
      variants: [
        variantExample({
          notes: ['a <note>'],
          prompts: [
            promptExample({ divergencePosition: 5, tokensNotRecorded: 2, tokensJudged: 4 }),
            failedPrompt,
            brokenPrompt,
            missingPrompt,
          ],
        }),
      ],
    }),
  ],
  coverage: {
    ...runExample().coverage,
    promptsPlanned: 4,
    promptsJudged: 2,
    tokensPlanned: 26,
    tokensJudged: 18,
    rulesPlanned: 4,
    rulesEvaluated: 2,
    rulesNeverTriggered: ['never'],
    rulesTooFewTokens: ['few'],
    skipped: [
      { reason: 'masked', count: 1 },
      { reason: 'no row', count: 3 },
    ],
  },
  gate: {
    rules: [
      ruleExample({ id: 'holds' }),
      ruleExample({ status: 'fail', failures: 1, observed: 0.5, headroom: -1.38 }),
      ruleExample({
        id: 'finite',
        status: 'invalid',
        origin: 'hard',
        op: '<=',
        threshold: 0,
        ideal: 0,
        observed: 3,
        headroom: -1,
        failures: 2,
        worstAt: { case: 'general', variant: 'n150', prompt: null, user: null, position: null },
      }),
      ruleExample({ id: 'never', status: 'notTriggered', observed: null, headroom: null, worstAt: null }),
      ruleExample({
        id: 'few',
        scope: 'run',
        metric: 'pccP1',
        sampleMinimum: 50,
        status: 'tooFewTokens',
        largestTooFew: 6,
        observed: null,
        headroom: null,
        worstAt: null,
      }),
    ],
  },
  usage: {
    openMs: { golden: 1000, actual: 2500 },
    goldenMs: 3000,
    actualMs: 65_000,
    compareMs: 50,
    peakAnonymousBytes: 2 ** 21,
    peakResidentBytes: 2 ** 31,
  },
});

/** Its tokens: one passes, two of the second prompt fail. */
export const failedRunHighlights: TokenHighlights = highlightsOf(
  tokenExample({ position: 1 }),
  tokenExample({
    prompt: 'fails',
    user: 1,
    position: 3,
    pcc: 0.5,
    pccJudgement: { semantics: 'strict', outcome: 'fail', pcc: 0.5 },
    status: 'failPcc',
    failedRules: ['pcc-minimum'],
    reason: 'PCC 0.5 < 0.79',
  }),
  tokenExample({ prompt: 'fails', user: 1, position: 5, step: 1, text: 'a|b', status: 'failKl', distribution: null }),
);
