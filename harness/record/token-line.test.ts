// A token's line in the log: comes back as it was, says nothing that need not be said, keeps its size.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goldenRowExample, noisyRowExample } from '../metrics/random-rows.fixture.ts';
import { RowComparer } from '../metrics/row-comparer.ts';
import { parseEvent } from './events.ts';
import { shortFloat32 } from './real-number.ts';
import { formatTokenLine, withoutTiming } from './token-line.ts';
import { tokenRecordExample } from './token-record.fixture.ts';
import type { TokenRecord } from './token-record.ts';

const V = 152_064;

/** What is measured of a row, at the vocabulary of Qwen2-7B. */
function measuredRow() {
  const comparer = new RowComparer({
    vocabSize: V,
    logitsFormat: 'BFP8_B',
    tieUlps: 1,
    semantics: 'strict',
    pccMinimum: 0.79,
  });
  const rows = (seed: number): [Float32Array, Float32Array] => {
    const golden = goldenRowExample(V, seed);
    return [golden, noisyRowExample(golden, 0.05, seed)];
  };
  comparer.compareRow(...rows(1), { nextTokenId: 5 });
  return comparer.compareRow(...rows(2), { nextTokenId: 7 });
}

/** Rows of that length take a while, and all tests have the same. */
let row: ReturnType<typeof measuredRow> | undefined;

/** A record with everything measured. */
function measured(overrides: Partial<TokenRecord> = {}): TokenRecord {
  row ??= measuredRow();
  const { correlation, ...metrics } = row;
  const pcc = correlation.kind === 'defined' ? correlation.pcc : null;
  return { ...tokenRecordExample({ position: 1 }), pcc, ...metrics, ...overrides };
}

const readBack = (record: TokenRecord): unknown => {
  const { event: _event, ...read } = parseEvent(formatTokenLine(record)) as TokenRecord & { event: string };
  return read;
};

describe('a line', () => {
  it('brings back every field of a fully measured record', () => {
    const record = measured();
    expect(record.choice!.top.length).toBeGreaterThanOrEqual(10);
    expect(record.controls.pccPreviousActual).not.toBeNull();
    expect(readBack(record)).toEqual(record);
  });

  it('brings back what is not finite, what differs between the sides, and what does not exist', () => {
    const odd = tokenRecordExample({
      user: 3,
      step: 4,
      phase: 'decode',
      inputToken: { golden: 7, actual: 8 },
      inputPosition: { golden: 0, actual: 1 },
      contextHash: { golden: 'a', actual: 'b' },
      status: 'invalidNonFinite',
      failedRules: ['same-context', 'finite'],
      reason: 'because',
      pcc: null,
      pccUndefined: 'not finite',
      pccJudgement: { semantics: 'tt-legacy', outcome: 'fail', pcc: Number.NaN },
      hygiene: {
        ...tokenRecordExample().hygiene,
        nan: { golden: 0, actual: 3 },
        constantRow: { golden: false, actual: true },
        constantBlocks: [{ from: 0, to: 1024, value: Math.fround(0.1) }],
      },
      distribution: null,
      evidence: 'evidence/a.safetensors',
    });
    expect(readBack(odd)).toEqual(odd);
  });

  it('of a passing token takes at most 1.5 KB at the vocabulary of Qwen2-7B', () => {
    const line = formatTokenLine(measured({ text: ' Senate', prompt: 'a-prompt-of-32-letters-and-digits' }));
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1500);
  });

  it('is the same without its timing, whatever that was', () => {
    const [slow, fast] = [1000, 0.001].map((ms) =>
      formatTokenLine(measured({ timing: { goldenMs: ms, actualMs: ms, compareMs: ms } })),
    );
    expect(slow).not.toBe(fast);
    expect(withoutTiming(slow!)).toBe(withoutTiming(fast!));
  });

  it('keeps its timing apart from a text that looks like one', () => {
    const line = formatTokenLine(measured({ text: ',"timing":[1,2,3]}' }));
    expect(withoutTiming(line)).toContain('meanAbs');
    expect(JSON.parse(line)).toMatchObject({ text: ',"timing":[1,2,3]}' });
  });
});

describe('shortFloat32', () => {
  it('is the same float32 again, in no more than nine digits', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const short = Number(shortFloat32(value));
        expect(Object.is(Math.fround(short), value) || (value === 0 && short === 0)).toBe(true);
        expect(
          String(short)
            .replace(/e.*$/, '')
            .replaceAll(/[-.]|^0\.0*/g, '').length,
        ).toBeLessThanOrEqual(22);
        expect(Number(short.toPrecision(9))).toBe(short);
      }),
      { seed: 3, numRuns: 2000 },
    );
  });
});
