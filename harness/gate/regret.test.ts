// Regret of a token: what the device's choice is worth less than golden's own, by golden's distribution; the same from the log.
import { describe, expect, it } from 'vitest';
import { DEFAULT_TIE_ULPS } from '../metrics/flips.ts';
import { RowComparer } from '../metrics/row-comparer.ts';
import { randomFromSeed } from '../paired/seeded-random.ts';
import type { GateRule } from '../record/rules.ts';
import { formatTokenLine, fromTokenLine } from '../record/token-line.ts';
import { TokenLineSchema } from '../record/token-line-schema.ts';
import { judgeToken } from './judge-token.ts';
import { recordExample } from './record.fixture.ts';
import { tokenMetricValue } from './token-metrics.ts';

const VOCABULARY = 300;
const random = randomFromSeed(3);
const noise = (): number => (random() / 2 ** 32 - 0.5) * 8;
const comparer = new RowComparer({
  ...{ vocabSize: VOCABULARY, logitsFormat: 'BF16', tieUlps: DEFAULT_TIE_ULPS, semantics: 'strict', pccMinimum: 0.79 },
});
/** log p of a token by its row's softmax. */
function logP(row: Float32Array, id: number): number {
  return row[id]! - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
}
const best = (row: Float32Array): number => row.indexOf(row.reduce((a, b) => Math.max(a, b)));

describe('regret', () => {
  it('is a difference of log probabilities of golden, and survives the log', () => {
    for (let i = 0; i < 50; i++) {
      const golden = Float32Array.from({ length: VOCABULARY }, noise);
      const actual = golden.map((logit) => logit + noise() / 3);
      const record = { ...recordExample(), ...comparer.compareRow(golden, actual, { nextTokenId: null }) };
      const regret = tokenMetricValue(record, 'regretNats')!;
      expect(regret).toBeCloseTo(logP(golden, best(golden)) - logP(golden, best(actual)), 5);
      expect(regret).toBeGreaterThanOrEqual(0);
      const read = fromTokenLine(TokenLineSchema.parse(JSON.parse(formatTokenLine(record))));
      expect(tokenMetricValue(read, 'regretNats')).toBe(regret);
    }
  });

  it('is 0 where both choose the same, and none where no choice was compared', () => {
    expect(tokenMetricValue(recordExample(), 'regretNats')).toBe(0);
    expect(tokenMetricValue({ ...recordExample(), choice: null }, 'regretNats')).toBeNull();
  });

  it('breaks its rule with the flip in words', () => {
    const rule: GateRule = {
      ...{ id: 'regret', scope: 'token', phase: 'all', metric: 'regretNats', op: '<=', threshold: 0.2, ideal: 0 },
      ...{ origin: 'manual', onBreak: 'fail', reason: 'mine' },
    } as GateRule;
    const flipped = recordExample({}, { rank: 2, flip: 'real' });
    expect(judgeToken([rule], flipped, { logitsFormat: 'BF16' })).toEqual({
      status: 'failFlip',
      failedRules: ['regret'],
      reason: expect.stringContaining('regret 0.5 nat > 0.2; flip: golden token 1 9 vs device token 2 9'),
    });
  });
});
