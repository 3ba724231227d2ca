// The reference far out: 4,096 positions however they are cut, and 131,072 with YaRN, against float64.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/weights.ts';
import {
  feedInPieces,
  fixturePath,
  type GoldenCase,
  maxDistance,
  readGoldenCase,
  wrongArgmaxRows,
} from './golden-cases.fixture.ts';
import { createReference, type Reference } from './onnx-reference.ts';

type Rows = Pick<GoldenCase, 'tokenIds' | 'positions'>;

/** 131,072 positions of attention take half a minute on two free cores, several times that on busy ones. */
const LONG_TIMEOUT_MS = 600_000;
const TAIL = 7;

describe('the reference on 4,096 positions', () => {
  /** One by one, all of them take 23 s of a core, these 2 s. */
  const ONE_BY_ONE = 1024;
  /** The beginning is that of general-0, which onnx-reference.system.test.ts feeds one by one. */
  const LAST = 128;
  const golden = readGoldenCase('golden-hf/general-4096');
  const { tokenIds, tolerance } = golden;
  const first = (count: number): Rows => ({
    tokenIds: tokenIds.subarray(0, count),
    positions: Array.from({ length: count }, (_, position) => position),
  });
  let source: Reference;
  /** Every row, [T, V]. */
  let whole: Float32Array;
  let sevens: Float32Array;

  beforeAll(async () => {
    const checkpoint = openCheckpoint(fixturePath('tiny-qwen2'));
    source = await createReference(checkpoint, { precision: 'fp32', threads: 1, chunk: tokenIds.length });
    whole = await feedInPieces(source, first(tokenIds.length), tokenIds.length);
    sevens = await feedInPieces(source, first(tokenIds.length), 7);
  }, LONG_TIMEOUT_MS);

  afterAll(async () => {
    await source.close();
  });

  it('gives every row alike in one pass and in sevens, and the first 1,024 token by token', async () => {
    const singles = await feedInPieces(source, first(ONE_BY_ONE), 1);
    expect(whole).toHaveLength(tokenIds.length * source.vocabSize);
    expect(maxDistance(sevens, whole)).toBeLessThanOrEqual(tolerance);
    for (const way of [whole, sevens]) {
      expect(maxDistance(singles, way.subarray(0, singles.length))).toBeLessThanOrEqual(tolerance);
    }
  });

  it('is as near to float64 as float32 comes, in one pass, in sevens and, at the end, token by token', async () => {
    const V = source.vocabSize;
    const stored = (rows: Float32Array): Float32Array =>
      Float32Array.from(golden.positions.flatMap((p) => [...rows.subarray(p * V, (p + 1) * V)]));
    const atTheEnd = await feedInPieces(source, golden, 1, tokenIds.length - LAST);
    const ways = [stored(whole), stored(sevens), atTheEnd];
    for (const [i, logits] of ways.entries()) {
      expect(maxDistance(logits, golden.truth)).toBeLessThanOrEqual(tolerance);
      expect(wrongArgmaxRows(logits, golden)).toEqual([]);
      for (const other of ways.slice(i + 1)) expect(maxDistance(logits, other)).toBeLessThanOrEqual(tolerance);
    }
  });
});

describe('the reference on 131,072 positions with YaRN', () => {
  const golden = readGoldenCase('golden-hf/quirk-yarn-131072');
  const tailStart = golden.tokenIds.length - TAIL;
  const tail = {
    tokenIds: golden.tokenIds.subarray(tailStart),
    positions: golden.positions.filter((p) => p >= tailStart),
  };
  let source: Reference;
  let whole: Float32Array;

  beforeAll(async () => {
    source = await createReference(openCheckpoint(fixturePath('golden-hf/quirk-yarn')), { precision: 'fp32' });
    whole = await feedInPieces(source, golden, golden.tokenIds.length);
  }, LONG_TIMEOUT_MS);

  afterAll(async () => {
    await source.close();
  });

  it('is as near to float64 as float32 comes', () => {
    expect(golden.positions.at(-1)).toBe(131_071);
    expect(maxDistance(whole, golden.truth)).toBeLessThanOrEqual(golden.tolerance);
    expect(wrongArgmaxRows(whole, golden)).toEqual([]);
  });

  it('errs less than a tenth of what float32 angles make Transformers err', () => {
    const transformers = maxDistance(golden.tensor('logits_f32'), golden.truth);
    expect(maxDistance(whole, golden.truth)).toBeLessThan(transformers / 10);
  });

  it.each([
    { piece: TAIL, how: 'in one pass' },
    { piece: 1, how: 'token by token' },
  ])('gives the last rows again when they are fed $how', async ({ piece }) => {
    expect(tail.positions).toEqual([131_069, 131_070, 131_071]);
    await source.truncate(tailStart);
    const rows = new Map<number, Float32Array>();
    for (let start = 0; start < TAIL; start += piece) {
      await source.feed(tail.tokenIds.subarray(start, start + piece), { rows: 'all' }, ({ position, logits }) => {
        rows.set(position, logits.slice());
      });
    }
    const again = Float32Array.from(tail.positions.flatMap((position) => [...rows.get(position)!]));
    expect(maxDistance(again, whole.subarray(whole.length - again.length))).toBeLessThanOrEqual(golden.tolerance);
  });
});
