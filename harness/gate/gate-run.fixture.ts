// Runs of a synthetic device for tests of the gate: honest rows, or rows that pass through a sabotage.
import { goldenRowExample, noisyRowExample } from '../metrics/random-rows.fixture.ts';
import { RowComparer } from '../metrics/row-comparer.ts';
import type { GateRule } from '../record/rules.ts';
import { phaseOfPosition, type TokenRecord } from '../record/token-record.ts';
import { judgeToken } from './judge-token.ts';
import type { PlannedSequence } from './judged-sequences.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from './thresholds.ts';

export const V = 4096;
export const TOKENS = 12;
export const PROMPT_LENGTH = 8;
const NOISE_SD = 0.05;

export type Sabotage = (actual: Float32Array, position: number, golden: Float32Array) => Float32Array;
export const honest: Sabotage = (actual) => actual;

/** The default rules, content with the few tokens of these runs: their samples are another test's matter. */
export const shortRunRules: readonly GateRule[] = defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM }).map((rule) =>
  rule.scope === 'token' ? rule : { ...rule, sampleMinimum: 1 },
);

export const plan: readonly PlannedSequence[] = [
  { case: 'c', variant: 'v', prompt: 'p', user: 0, tokens: TOKENS, end: TOKENS },
];

export const at5 =
  (change: Sabotage): Sabotage =>
  (actual, position, golden) =>
    position === 5 ? change(actual, position, golden) : actual;

/** Made once: rows are never written to. */
const goldenRows = Array.from({ length: TOKENS }, (_, position) => goldenRowExample(V, 100 + position));
const honestRows = goldenRows.map((golden, position) => noisyRowExample(golden, NOISE_SD, position));

/** Judged records of a run whose device rows pass through a sabotage, and whose records through a change. */
export function runWith(
  sabotage: Sabotage,
  change: (record: TokenRecord) => TokenRecord = (record) => record,
): TokenRecord[] {
  const comparer = new RowComparer({
    vocabSize: V,
    logitsFormat: 'BFP8_B',
    tieUlps: 1,
    semantics: 'strict',
    pccMinimum: DEFAULT_PCC_MINIMUM,
  });
  return Array.from({ length: TOKENS }, (_, position) => {
    const golden = goldenRows[position]!;
    const actual = sabotage(honestRows[position]!, position, golden);
    const { correlation, ...metrics } = comparer.compareRow(golden, actual, { nextTokenId: 7 });
    const changed = change({
      case: 'c',
      variant: 'v',
      prompt: 'p',
      user: 0,
      position,
      phase: phaseOfPosition(position, PROMPT_LENGTH),
      step: position < PROMPT_LENGTH ? null : position - PROMPT_LENGTH,
      text: 'x',
      inputToken: { golden: 1, actual: 1 },
      inputPosition: { golden: position, actual: position },
      contextHash: { golden: 'a', actual: 'a' },
      status: 'pass',
      failedRules: [],
      reason: null,
      pcc: correlation.kind === 'defined' ? correlation.pcc : null,
      pccUndefined: correlation.kind === 'defined' ? null : correlation.reason,
      ...metrics,
      timing: { goldenMs: 0, actualMs: 0, compareMs: 0 },
      evidence: null,
    });
    return { ...changed, ...judgeToken(shortRunRules, changed, { logitsFormat: 'BFP8_B' }) };
  });
}
