// What of a token's line counts as its numbers, and what a device's choice gives up.
import { describe, expect, it } from 'vitest';
import type { RowChoice } from '../../record/row-metrics.ts';
import { formatTokenLine } from '../../record/token-line.ts';
import { tokenRecordExample } from '../../record/token-record.fixture.ts';
import type { TokenRecord } from '../../record/token-record.ts';
import { regretOf, rowNumbersOf } from './row-numbers.ts';

/** The best two tokens of either side: 5 and 6 for golden, 6 and 5 on the device. */
const choice: RowChoice = {
  top1: { golden: 5, actual: 6 },
  flip: 'real',
  ulp: 0.25,
  marginUlps: 6,
  margin: { golden: 1.5, actual: 0.5 },
  goldenRankOnActual: 2,
  actualRankOnGolden: 2,
  overlap5: 5,
  overlap10: 10,
  top: [
    { id: 5, logit: { golden: 4.5, actual: 2 }, rank: { golden: 1, actual: 2 } },
    { id: 6, logit: { golden: 3, actual: 2.5 }, rank: { golden: 2, actual: 1 } },
  ],
};
const record = tokenRecordExample({ choice });
const digestOf = (overrides: Partial<TokenRecord>): bigint => {
  const changed = { ...record, ...overrides };
  return rowNumbersOf(changed, formatTokenLine(changed)).digest;
};

describe('the digest of a row', () => {
  it.each<{ what: string; overrides: Partial<TokenRecord> }>([
    { what: 'its name', overrides: { case: 'b', variant: ',"hygiene":', prompt: ',"timing":', text: 'x' } },
    { what: 'its verdict', overrides: { status: 'failPcc', failedRules: ['pcc-minimum'], reason: 'low' } },
    { what: 'the rows beside it', overrides: { controls: { ...record.controls, pccPreviousActual: 0.5 } } },
    { what: 'kept rows and times', overrides: { evidence: 'e', timing: { goldenMs: 9, actualMs: 9, compareMs: 9 } } },
  ])('does not know $what', ({ overrides }) => {
    expect(digestOf(overrides)).toBe(digestOf({}));
  });

  it.each<{ what: string; overrides: Partial<TokenRecord> }>([
    { what: 'PCC', overrides: { pcc: 0.9986 } },
    { what: 'hygiene', overrides: { hygiene: { ...record.hygiene, maskedPairs: 1 } } },
    { what: 'KL', overrides: { distribution: { ...record.distribution!, klNats: 0.0030001 } } },
    { what: 'choice', overrides: { choice: { ...choice, overlap10: 9 } } },
  ])('tells another $what', ({ overrides }) => {
    expect(digestOf(overrides)).not.toBe(digestOf({}));
  });

  it('of a line in another layout is of the whole line', () => {
    const line = (timing: string): string => formatTokenLine(record).replace('"hygiene":', '"hygiene" :') + timing;
    expect(rowNumbersOf(record, line('')).digest).toBe(rowNumbersOf(record, line('')).digest);
    expect(rowNumbersOf(record, line(' ')).digest).not.toBe(rowNumbersOf(record, line('')).digest);
  });
});

describe('regret', () => {
  it('is the golden logit that the choice gives up, which is its log-probability', () => {
    expect(regretOf(choice)).toBe(1.5);
    expect(regretOf({ ...choice, top1: { golden: 5, actual: 5 } })).toBe(0);
  });

  it('does not exist without a choice, nor where a choice is not listed', () => {
    expect(regretOf(null)).toBeNull();
    expect(regretOf({ ...choice, top: choice.top.slice(0, 1) })).toBeNull();
  });
});
