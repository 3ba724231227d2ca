// Everything about one token: the whole text, and what it says where something is missing.
import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import { failedRunHighlights } from './failed-run.fixture.ts';
import { tokenExample } from './run-record.fixture.ts';
import { TAP_PCC_MINIMUM } from './tap-limit.ts';
import { type TokenDetail, tokenDetail } from './token-detail.ts';

const detailOf = (overrides: Partial<TokenDetail> = {}): string =>
  tokenDetail({
    record: tokenExample(),
    contextText: 'the context',
    textOf: (id) => `t${id}`,
    again: undefined,
    command: 'qwen-pcc inspect x',
    chalk: new Chalk({ level: 0 }),
    ...overrides,
  });
const again = {
  sides: { golden: 'ONNX', actual: 'N150' },
  logits: { golden: Float32Array.of(1, 2, 3, 4), actual: Float32Array.of(1, 2.5, Number.NaN, 0) },
  taps: [
    { tap: 'embedding', pcc: TAP_PCC_MINIMUM, relL2: 0.1 },
    { tap: 'layers.0.out', pcc: 0.5, relL2: 0.7 },
    { tap: 'layers.1.out', pcc: null, relL2: null },
  ],
} as unknown as NonNullable<TokenDetail['again']>;
const linesFrom = (text: string, start: string, count: number): string[] => {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.startsWith(start));
  return lines.slice(at, at + count);
};

describe('the detail of a token', () => {
  it('is its place, verdict, metrics, best tokens, worst entries and taps', () => {
    expect(detailOf({ record: failedRunHighlights.worst[0]!, again })).toBe(
      `general › n150 › fails[1] › position 3 › prefill
context  "the context"
token    7 "x"

verdict  failPcc: PCC 0.5 < 0.79

metric
PCC                      0.50000
PCC, strict              0.50000 fail
KL, both ways            0.00100 and 0.00100 nat
next in the text         1 "t1": golden 50.0 %, actual 50.0 %
gain, offset             1.00, 0.500
residual                 0.100 beside a golden sd of 2.00
max |difference|         0.250 at vocabulary entry 3, mean 0.0500
choice                   same, golden's margin 2.00 ULP, common in top 10: 10
PCC with the row before  0.50000

   golden  logit  p       on device  actual  logit  p       on golden
1  "t1"    9.000  36.8 %  1          "t1"    8.500  22.3 %  1
2  "t2"    8.500  22.3 %  1          "t2"    9.000  36.8 %  1

run again: N150 against ONNX

worst vocabulary entries
id  text  golden  actual  |difference|
2   "t2"  3.0000     NaN           NaN
3   "t3"  4.0000  0.0000        4.0000
1   "t1"  2.0000  2.5000        0.5000
0   "t0"  1.0000  1.0000        0.0000

tap               PCC  relative error  verdict
embedding     0.90000           0.100     pass
layers.0.out  0.50000           0.700    below
layers.1.out     none            none    below
first tap below its minimum: layers.0.out (0.50000 < 0.9)

again    qwen-pcc inspect x
`,
    );
  });

  it('of rows that cannot be compared says so, and nothing that was not measured', () => {
    const record = tokenExample({
      step: 2,
      position: 9,
      pcc: null,
      pccUndefined: 'not finite',
      pccJudgement: { semantics: 'tt-legacy', outcome: 'fail', pcc: 0 },
      status: 'invalidNonFinite',
      phase: 'decode',
      moments: null,
      distribution: null,
      choice: null,
      controls: { pccPreviousGolden: null, pccPreviousActual: null, pccUnrelatedGolden: null },
    });
    expect(detailOf({ record })).toBe(
      `general › n150 › sotu › position 9 (decode step 2) › decode
context  "the context"
token    7 "x"

verdict  invalidNonFinite

metric
PCC             none (not finite)
PCC, tt-legacy  0.00000 fail

no top-10: the rows are not comparable

again    qwen-pcc inspect x
`,
    );
  });

  it('shows the last 240 characters of the context', () => {
    const exact = '🙂'.repeat(240);
    expect(detailOf({ contextText: exact })).toContain(`context  "${exact}"\n`);
    expect(detailOf({ contextText: `a${exact}` })).toContain(`context  "…${exact}"\n`);
  });

  it('has no next token where the text ends', () => {
    const plain = tokenExample();
    const record = { ...plain, distribution: { ...plain.distribution!, textToken: null } };
    expect(detailOf({ record })).not.toContain('next in the text');
  });

  it('names a flip by its class', () => {
    const plain = tokenExample();
    const record = { ...plain, choice: { ...plain.choice!, flip: 'nearTie' as const } };
    expect(detailOf({ record })).toMatch(/\nchoice +nearTie, golden's margin/);
  });

  it('lists each side’s own ten best, best first, where the sides share none', () => {
    const plain = tokenExample();
    const top = Array.from({ length: 20 }, (_, i) => ({
      id: i,
      logit: { golden: i < 10 ? 9 : 0, actual: i < 10 ? 0 : 9 },
      rank: { golden: i < 10 ? 10 - i : i + 1, actual: i < 10 ? i + 11 : i - 9 },
    }));
    const text = detailOf({ record: { ...plain, choice: { ...plain.choice!, top } } });
    const cellsOf = (line: string): string[] => line.split(/ {2,}/);
    const rows = linesFrom(text, '1 ', 10).map(cellsOf);
    expect(rows.map(([place, golden, , , onDevice]) => [place, golden, onDevice])).toEqual(
      Array.from({ length: 10 }, (_, i) => [`${i + 1}`, `"t${9 - i}"`, `${20 - i}`]),
    );
    expect(rows.map((cells) => [cells[5], cells[8]])).toEqual(
      Array.from({ length: 10 }, (_, i) => [`"t${10 + i}"`, `${11 + i}`]),
    );
    expect(linesFrom(text, '10 ', 2)[1]).toBe('');
  });

  it('leaves a side empty that has fewer', () => {
    const plain = tokenExample();
    const top = [{ id: 1, logit: { golden: 9, actual: 0 }, rank: { golden: 1, actual: 11 } }];
    const text = detailOf({ record: { ...plain, choice: { ...plain.choice!, top } } });
    expect(linesFrom(text, '1 ', 2)).toEqual(['1  "t1"    9.000  36.8 %  11', '']);
    const turned = [{ id: 1, logit: { golden: 0, actual: 9 }, rank: { golden: 11, actual: 1 } }];
    const other = detailOf({ record: { ...plain, choice: { ...plain.choice!, top: turned } } });
    expect(linesFrom(other, '1 ', 2)[0]).toMatch(/^1 {30,}"t1" +9\.000 {2}36\.8 % {2}11$/);
  });

  it.each(['choice', 'distribution'] as const)('has no best tokens without a %s', (name) => {
    const text = detailOf({ record: tokenExample({ [name]: null }) });
    expect(text).toContain('\nno top-10: the rows are not comparable\n\nagain ');
  });
});

describe('a token that was run again', () => {
  it('has eight worst entries, the lower id first where they are equal', () => {
    const logits = {
      golden: new Float32Array(12),
      actual: Float32Array.from({ length: 12 }, (_, i) => (i < 3 ? 0 : 1)),
    };
    const text = detailOf({ again: { ...again, logits } });
    expect(linesFrom(text, 'id ', 10).map((line) => line.split(' ')[0])).toEqual([
      'id',
      ...['3', '4', '5', '6', '7', '8', '9', '10'],
      '',
    ]);
  });

  it('puts what is no number before every difference, wherever it stands', () => {
    const logits = { golden: new Float32Array(5), actual: Float32Array.of(1, Number.NaN, 5, Number.NaN, 2) };
    expect(linesFrom(detailOf({ again: { ...again, logits } }), 'id ', 6).map((line) => line[0])).toEqual([
      'i',
      '1',
      '3',
      '2',
      '4',
      '0',
    ]);
  });

  it('says that every tap holds, or why there are none', () => {
    expect(detailOf({ again: { ...again, taps: again.taps.slice(0, 1) } })).toContain('\nevery tap keeps PCC 0.9\n');
    expect(detailOf({ again: { ...again, taps: [] } })).toContain(
      '\nno taps: a recording stands in for one side\n\nagain ',
    );
  });
});

describe('colours', () => {
  const coloured = (overrides: Partial<TokenDetail>): string =>
    detailOf({ ...overrides, chalk: new Chalk({ level: 1 }) });

  it('tell what is good from what is not', () => {
    expect(coloured({})).toContain('verdict  \u001b[32mpass\u001b[39m');
    const text = coloured({ record: failedRunHighlights.worst[0]!, again });
    expect(text).toContain('verdict  \u001b[31mfailPcc\u001b[39m');
    expect(text).toContain('\u001b[31mbelow\u001b[39m');
    expect(text).toContain('\u001b[32mpass\u001b[39m');
  });
});
