// What stands in a token's line and what does not: the whole text of a plain line, and of one where everything is odd.
import { describe, expect, it } from 'vitest';
import { recordExample } from '../gate/record.fixture.ts';
import { parseEvent } from './events.ts';
import { RealNumberSchema, shortFloat32 } from './real-number.ts';
import { formatTokenLine, withoutTiming } from './token-line.ts';
import { tokenRecordExample } from './token-record.fixture.ts';
import type { TokenRecord } from './token-record.ts';

const shown = (record: TokenRecord): unknown => JSON.parse(formatTokenLine(record));
const pair = <T>(golden: T, actual: T) => ({ golden, actual });
const { NaN: nan, POSITIVE_INFINITY: plus, NEGATIVE_INFINITY: minus } = Number;

describe('a line', () => {
  it('of a plain token says nothing that need not be said', () => {
    expect(formatTokenLine(tokenRecordExample({ distribution: null, position: 2 }))).toBe(
      '{"event":"token","case":"general_weights-1_batch","variant":"n150","prompt":"sotu","position":2,"phase":"prefill",' +
        '"text":" Senate","token":7,"context":"c0ffee","status":"pass","pcc":0.9987,"outcome":"pass",' +
        '"hygiene":{"vocabSize":4},"timing":[1,2,0.5]}',
    );
  });

  it('has every number of what was measured, in the order golden, actual', () => {
    const record = recordExample({}, { klNats: 0.002, rank: 3, flip: 'real', gain: 0.9, logRatio: -0.25 });
    expect(shown(record)).toMatchObject({
      moments: {
        cosine: 1,
        gain: 0.9,
        offset: 0.5,
        residualSd: 0.1,
        sd: [2, 2],
        min: [-8, -8],
        max: [9, 9],
        maxAbs: 0.25,
        maxAbsIndex: 3,
        meanAbs: 0.05,
        relL2: 0.05,
        nmseDb: -26,
      },
      distribution: {
        klNats: 0.002,
        klReverseNats: 0.002,
        logNormaliser: [10, 10],
        textToken: { id: 1, probability: [0.5, 0.5], logRatio: -0.25 },
      },
      choice: {
        top1: [1, 2],
        flip: 'real',
        ulp: 0.25,
        marginUlps: 2,
        margin: [0.5, 0.5],
        goldenRankOnActual: 3,
        actualRankOnGolden: 3,
        overlap: [5, 10],
        top: [
          [1, 9, 8.5, 1, 3],
          [2, 8.5, 9, 3, 1],
        ],
      },
      controls: { pccPreviousGolden: 0.5, pccPreviousActual: 0.4, pccUnrelatedGolden: 0.3 },
    });
  });

  it('says what differs between the sides as pairs, on whichever side it is', () => {
    const record = tokenRecordExample({
      user: 3,
      position: 5,
      step: 0,
      phase: 'firstDecode',
      inputToken: pair(7, 8),
      inputPosition: pair(5, 6),
      contextHash: pair('a', 'b'),
      failedRules: ['same-context'],
      reason: 'because',
      pccUndefined: 'actual is constant',
      pccJudgement: { semantics: 'tt-2026', outcome: 'pass', pcc: 1 },
    });
    expect(shown(record)).toMatchObject({
      user: 3,
      step: 0,
      token: [7, 8],
      at: [5, 6],
      context: ['a', 'b'],
      failedRules: ['same-context'],
      reason: 'because',
      pccUndefined: 'actual is constant',
      semantics: 'tt-2026',
      judgedPcc: 1,
    });
    expect(shown({ ...record, inputPosition: pair(4, 5) })).toMatchObject({ at: [4, 5] });
  });

  it.each([
    { hygiene: { nan: pair(1, 0) }, line: { nan: [1, 0] } },
    { hygiene: { positiveInfinity: pair(0, 2) }, line: { positiveInfinity: [0, 2] } },
    { hygiene: { negativeInfinity: pair(3, 3), maskedPairs: 3 }, line: { negativeInfinity: [3, 3], maskedPairs: 3 } },
    { hygiene: { zeros: pair(0, 1) }, line: { zeros: [0, 1] } },
    { hygiene: { constantRow: pair(true, false) }, line: { constantRow: [true, false] } },
    { hygiene: { constantRow: pair(false, true) }, line: { constantRow: [false, true] } },
    {
      hygiene: { constantBlocks: [{ from: 0, to: 4, value: Math.fround(0.1) }] },
      line: { constantBlocks: [[0, 4, 0.1]] },
    },
  ])('has of hygiene only what was found: $line', ({ hygiene, line }) => {
    const plain = tokenRecordExample();
    const record = { ...plain, hygiene: { ...plain.hygiene, ...hygiene } };
    expect(shown(record)).toMatchObject({ hygiene: expect.objectContaining({ vocabSize: 4, ...line }) });
    expect(Object.keys((shown(record) as { hygiene: object }).hygiene)).toHaveLength(1 + Object.keys(line).length);
    expect(parseEvent(formatTokenLine(record))).toEqual({ event: 'token', ...record });
  });

  it('has of the controls only those that exist', () => {
    const controls = { pccPreviousGolden: null, pccPreviousActual: 0.25, pccUnrelatedGolden: null };
    expect(shown(tokenRecordExample({ controls }))).toMatchObject({ controls: { pccPreviousActual: 0.25 } });
    expect(parseEvent(formatTokenLine(tokenRecordExample({ controls })))).toMatchObject({ controls });
  });

  it('brings back moments that do not exist or are not finite', () => {
    const plain = recordExample();
    const moments = {
      ...plain.moments!,
      cosine: null,
      gain: null,
      offset: null,
      residualSd: null,
      relL2: null,
      nmseDb: minus,
      sd: pair(plus, nan),
    };
    const record = { ...plain, moments };
    expect(shown(record)).toMatchObject({ moments: { cosine: null, nmseDb: '-Infinity', sd: ['Infinity', 'NaN'] } });
    expect(parseEvent(formatTokenLine(record))).toEqual({ event: 'token', ...record });
    const other = { ...plain, moments: { ...moments, nmseDb: null } };
    expect(parseEvent(formatTokenLine(other))).toEqual({ event: 'token', ...other });
  });

  it('keeps times to the microsecond', () => {
    const timing = { goldenMs: 1.23456, actualMs: 0.0004, compareMs: 0.0005 };
    expect(shown(tokenRecordExample({ timing }))).toMatchObject({ timing: [1.235, 0, 0.001] });
  });

  it('is the whole line where it has no timing', () => {
    expect(withoutTiming('{"event":"prompt"}')).toBe('{"event":"prompt"}');
  });
});

describe('numbers that JSON cannot hold', () => {
  it.each([
    { value: nan, json: 'NaN' },
    { value: plus, json: 'Infinity' },
    { value: minus, json: '-Infinity' },
    { value: -1.5, json: -1.5 },
  ])('are strings: $json', ({ value, json }) => {
    expect(RealNumberSchema.encode(value)).toBe(json);
    expect(RealNumberSchema.decode(json as never)).toBe(value);
    expect(shortFloat32(value)).toBe(json);
  });

  it('are no other strings', () => {
    expect(RealNumberSchema.safeDecode('1' as never).success).toBe(false);
    expect(RealNumberSchema.safeEncode('1' as never).success).toBe(false);
    expect(RealNumberSchema.safeEncode('NaN' as never).success).toBe(false);
  });
});

describe('shortFloat32', () => {
  it.each([
    { value: 0.1, short: 0.1 },
    { value: 16_777_216, short: 16_777_216 },
    { value: 1.000_000_1, short: 1.000_000_1 },
    { value: 10.006_803_5, short: 10.006_803_5 },
  ])('writes the float32 of $value with as few digits as it takes: $short', ({ value, short }) => {
    expect(shortFloat32(Math.fround(value))).toBe(short);
  });
});
