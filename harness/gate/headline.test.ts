// The verdict's sentence: the first broken rule, its place, what could not be judged.
import { describe, expect, it } from 'vitest';
import type { TokenRecord } from '../record/token-record.ts';
import type { Verdict } from '../record/verdict.ts';
import { evaluateGate } from './evaluate-gate.fixture.ts';
import { honest, plan, runWith, shortRunRules, TOKENS, V } from './gate-run.fixture.ts';
import type { PlannedSequence } from './judged-sequences.ts';
import { type RecordNumbers, recordExample } from './record.fixture.ts';

const sequence = (changes: Partial<PlannedSequence> = {}): PlannedSequence => ({ ...plan[0]!, ...changes });
const records = (
  numbersAt: (position: number) => Partial<RecordNumbers>,
  changes: Partial<TokenRecord> = {},
): TokenRecord[] =>
  Array.from({ length: TOKENS }, (_, position) => ({
    ...recordExample({ position }, numbersAt(position)),
    ...changes,
  }));
const judge = (given: readonly TokenRecord[], planned: readonly PlannedSequence[] = plan): Verdict =>
  evaluateGate({ rules: shortRunRules, plan: planned, records: given });

describe('the headline', () => {
  it('of a pass has the lowest PCC and the tightest rule', () => {
    const { headline } = judge(records((position) => (position === 3 ? { pcc: 0.85, gain: 1.02 } : { gain: 0.99 })));
    expect(headline).toBe(
      '12 of 12 tokens judged, lowest PCC 0.85 (minimum 0.79); least headroom 29 % (rule pcc-minimum: pcc 0.85 >= 0.79)',
    );
  });

  it.each([
    { pcc: 0.9, gain: 1, says: 'lowest PCC 0.9 (minimum' },
    { pcc: 0.9123456, gain: 1, says: 'lowest PCC 0.91235 (minimum' },
    { pcc: 0.8123456, gain: 1, says: 'lowest PCC 0.8123 (minimum' },
    { pcc: 1, gain: 1, says: 'lowest PCC 1 (minimum' },
    { pcc: 1, gain: 1.0234567, says: 'least headroom 22 % (rule gain: gainDeviation 0.02346 <= 0.03)' },
    { pcc: 0.995, gain: 1.01, says: 'least headroom 50 % (rule pcc-median: pccMedian 0.99500 >= 0.99000)' },
  ])('writes $says', ({ pcc, gain, says }) => {
    const isLow = pcc < 0.99;
    const given = records((position) => ({ pcc: isLow && position > 0 ? 1 : pcc, gain }));
    expect(judge(given).headline).toContain(says);
  });

  it('of a run without any PCC rule says nothing of PCC', () => {
    const others = shortRunRules.filter(({ origin }) => origin === 'hard');
    const { headline } = evaluateGate({ rules: others, plan, records: records(() => ({})) });
    expect(headline).toBe('12 of 12 tokens judged');
  });

  it('of a failure has the worst place, the first place, and the other rules', () => {
    const { headline, firstFailure, worst } = judge(
      records((position) => (position === 4 ? { pcc: 0.7, rank: 30 } : position === 9 ? { pcc: 0.1054 } : {})),
    );
    expect(headline).toBe(
      'pcc-minimum: pcc 0.1054 < 0.79 at c › v › p › position 9, 2 of 12 tokens, ' +
        'first broken token at c › v › p › position 4; also golden-rank (12 of 12 tokens judged)',
    );
    expect(firstFailure).toEqual({ case: 'c', variant: 'v', prompt: 'p', user: 0, position: 4 });
    expect(worst).toEqual({ ...firstFailure, position: 9, metric: 'pcc', value: 0.1054 });
  });

  it('does not say twice where the worst is the first', () => {
    const { headline } = judge(records((position) => (position >= 4 ? { pcc: 0.5 + position / 100 } : {})));
    expect(headline).toContain('at c › v › p › position 4, 8 of 12 tokens; also pcc-median, pcc-median-short (');
  });

  it('names the user of a batch, and a variant only where it is not the case’s own', () => {
    const given = records(() => ({ pcc: 0.5 }), { user: 3, variant: 'c' });
    const { headline } = judge(given, [sequence({ user: 3, variant: 'c' })]);
    expect(headline).toContain('at c › p[3] › position 0');
  });

  it('names the prompt of a prompt rule and the variant of a run rule', () => {
    expect(judge(records(() => ({ gain: 0.9 }))).headline).toMatch(
      /^gain: gainDeviation 0\.1 > 0\.03 at c › v › p, 1 of 1 prompt; also gain-short \(/,
    );
    expect(judge(records(() => ({ klNats: 0.4 }))).headline).toMatch(
      /^kl-mean: klMean 0\.4 > 0\.05 at c › v, 1 of 1 variant; also kl-mean-short \(/,
    );
  });

  it('says the hard rule first when every row is constant', () => {
    const verdict = judge(runWith(() => new Float32Array(V)));
    expect(verdict.status).toBe('invalid');
    expect(verdict.headline).toMatch(
      /^comparison invalid: not-constant: constant 4096 > 0 at c › v › p › position 0, 12 of 12 tokens; also pcc-minimum, .*; rules without any evidence: pcc-median, pcc-median-short \(12 of 12 tokens judged\)$/,
    );
  });

  it('says a hard rule before an accuracy rule that comes first in the table', () => {
    const swapped = shortRunRules.toSorted((a, b) => Number(a.origin === 'hard') - Number(b.origin === 'hard'));
    const verdict = evaluateGate({
      rules: swapped,
      plan,
      records: records((position) => ({ pcc: position === 2 ? null : 0.5 })),
    });
    expect(verdict.headline).toMatch(/^not-constant: /);
  });

  it('says the missing evidence first where no hard rule explains it', () => {
    const { headline } = judge(records((position) => (position === 3 ? { pcc: 0.5 } : {})).slice(0, 9));
    expect(headline).toBe(
      'comparison invalid: 3 planned tokens were not judged; ' +
        'pcc-minimum: pcc 0.5 < 0.79 at c › v › p › position 3, 1 of 9 tokens (9 of 12 tokens judged)',
    );
  });

  it('says what is not finite before that tokens are missing', () => {
    const broken = runWith((actual) => actual.map((value, i) => (i === 9 ? Number.NaN : value))).slice(1);
    expect(judge(broken).headline).toMatch(
      /^comparison invalid: finite: nonFinite 1 > 0 at c › v › p › position 1, 11 of 11 tokens; 1 planned token was not judged \(/,
    );
  });

  it('says what is not finite alone where it left no evidence for other rules, and what it looks like', () => {
    const filtered = runWith((actual) => actual.map((value, i) => (i % 200 === 7 ? value : Number.NEGATIVE_INFINITY)));
    expect(judge(filtered).headline).toMatch(
      /^comparison invalid: finite: nonFinite 407\d > 0 at c › v › p › position 0, 12 of 12 tokens; 12 of 12 broken tokens look like scores after top-k or top-p: record the raw logits \(output_logits=True in Transformers\) \(12 of 12 tokens judged\)$/,
    );
  });

  it('names the rules that lack tokens, passing or failing', () => {
    const strict = shortRunRules.map((rule) =>
      rule.id === 'top1' ? { ...rule, sampleMinimum: 60 } : rule,
    ) as typeof shortRunRules;
    const say = (numbers: Partial<RecordNumbers>) =>
      evaluateGate({ rules: strict, plan, records: records(() => numbers) }).headline;
    expect(say({})).toMatch(/; too few tokens for top1 \(12 of at least 60\)$/);
    expect(say({ pcc: 0.5 })).toMatch(/\(12 of 12 tokens judged; too few tokens for top1 \(12 of at least 60\)\)$/);
  });

  it('says that the PCC does not exist', () => {
    const { headline } = judge(
      records((position) => (position === 2 ? { pcc: null } : {})).map((record) => ({
        ...record,
        hygiene: { ...record.hygiene, constantRow: { golden: false, actual: false } },
      })),
    );
    expect(headline).toContain('pcc-minimum: pcc does not exist at c › v › p › position 2, 1 of 12 tokens');
  });
});

describe('rows of a neighbouring position', () => {
  const rows = runWith(honest);
  const shifted = (shift: number): Verdict => {
    const held: Float32Array[] = [];
    const all: Float32Array[] = [];
    runWith((actual) => {
      all.push(actual);
      return actual;
    });
    return judge(
      runWith((actual, position) => {
        held.push(actual);
        return all[position + shift] ?? actual;
      }),
    );
  };

  it('are named in the headline: behind', () => {
    expect(shifted(-1).headline).toContain(
      "; 11 of 11 broken tokens fit golden's row of the position before: the device is a position behind",
    );
  });

  it('are named in the headline: ahead', () => {
    expect(shifted(1).headline).toContain(
      "; 10 of 11 broken tokens fit golden's row of the position after: the device is a position ahead",
    );
  });

  it('are not, where nothing is shifted or most of what is broken is not', () => {
    expect(judge(rows).headline).not.toContain('broken tokens fit');
    const one = rows.map((record, position) =>
      position < 3
        ? {
            ...record,
            pccJudgement: { ...record.pccJudgement, pcc: 0.5 },
            controls: { ...record.controls, pccPreviousGolden: position === 1 ? 0.99 : 0.3 },
          }
        : record,
    );
    expect(judge(one).headline).not.toContain('broken tokens fit');
  });
});
