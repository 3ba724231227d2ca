// The capture device: replays the tokens that were recorded, row for row, and refuses every other context.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensorFloat32 } from '../../checkpoint/safetensors.ts';
import { ComparisonInvalidError, EXIT_CODES } from '../../errors.ts';
import type { FeedRequest, LogitsRow, LogitsSource } from '../logits-source.ts';
import { type CaptureSource, createCaptureSource } from './capture-source.ts';
import { openRecording } from './recording.ts';
import { recordTwoPrompts } from './two-prompts.fixture.ts';

const FIXTURES = join(import.meta.dirname, '../../../fixtures');
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-capture-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const ttnnPath = join(FIXTURES, 'golden-ttnn/general-1-accurate-exp.safetensors');
const ttnn = openRecording(ttnnPath);
const ids = ttnn.prompts[0]!.inputIds;

async function rowsOf(
  source: LogitsSource,
  tokenIds: Int32Array,
  want: FeedRequest = { rows: 'all' },
): Promise<LogitsRow[]> {
  const rows: LogitsRow[] = [];
  await source.feed(tokenIds, want, (row) => {
    rows.push({ ...row, logits: row.logits.slice() });
  });
  return rows;
}

async function refusal(
  source: CaptureSource,
  tokenIds: Int32Array,
  want?: FeedRequest,
): Promise<ComparisonInvalidError> {
  const error = await rowsOf(source, tokenIds, want).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ComparisonInvalidError);
  return error as ComparisonInvalidError;
}

describe('createCaptureSource', () => {
  it('replays the recorded rows at once and token by token', async () => {
    const stored = readTensorFloat32(readSafetensorsHeader(ttnnPath), 'logits');
    const source = await createCaptureSource(ttnn);
    const atOnce = await rowsOf(source, ids);
    await source.truncate(0);
    const single = [];
    for (const id of ids) single.push(...(await rowsOf(source, Int32Array.of(id), { rows: 'last' })));
    expect(single).toEqual(atOnce);
    expect(atOnce.map(({ position }) => position)).toEqual(Array.from(ids, (_, position) => position));
    expect(atOnce[40]!.logits).toEqual(stored.slice(40 * 2048, 41 * 2048));
    expect(source.length).toBe(96);
  });

  it('hands out the taps that were recorded', async () => {
    const stored = readTensorFloat32(readSafetensorsHeader(ttnnPath), 'hidden.3');
    const [row] = await rowsOf(await createCaptureSource(ttnn), ids.slice(0, 20), {
      rows: 'last',
      taps: ['layers.2.out'],
    });
    expect(row!.taps.get('layers.2.out')).toEqual(stored.slice(19 * 128, 20 * 128));
  });

  it.each([
    { name: 'another token at 17', plan: ids.map((id, i) => (i === 17 ? id + 1 : id)), position: 17 },
    { name: 'token 30 dropped', plan: Int32Array.from([...ids.slice(0, 30), ...ids.slice(31)]), position: 30 },
    { name: 'shifted by one', plan: ids.slice(1), position: 0 },
    { name: 'another prompt', plan: Int32Array.of(84, 257, 1644), position: 0 },
  ])('refuses a plan with $name, naming the position and both ids', async ({ plan, position }) => {
    const error = await refusal(await createCaptureSource(ttnn), plan);
    expect(error.exitCode).toBe(EXIT_CODES.comparisonInvalid);
    expect(error.facts).toMatchObject({
      'first differing position': position,
      recorded: `token id ${ids[position]}`,
      plan: `token id ${plan[position]}`,
    });
  });

  it('refuses to go on after the end of the recording', async () => {
    const source = await createCaptureSource(ttnn);
    await rowsOf(source, ids, { rows: 'none' });
    expect((await refusal(source, Int32Array.of(1))).code).toBe('RECORDING_TOO_SHORT');
  });

  it('refuses rows that were not recorded and hands out those that were', async () => {
    const path = join(FIXTURES, 'golden-hf/general-4096.safetensors');
    const recording = openRecording(path, { logitsTensor: 'logits_f64' });
    const source = await createCaptureSource(recording);
    const inputIds = recording.prompts[0]!.inputIds;
    expect(await rowsOf(source, inputIds.slice(0, 128), { rows: 'last' })).toHaveLength(1);
    const error = await refusal(source, inputIds.slice(128, 131), { rows: 'last' });
    expect(error.code).toBe('RECORDING_ROW');
    expect(error.facts['position']).toBe(130);
  });

  it('refuses taps that were not recorded', async () => {
    const error = await refusal(await createCaptureSource(ttnn), ids.slice(0, 2), { rows: 'all', taps: ['norm.out'] });
    expect(error.code).toBe('RECORDING_TAP');
  });

  it('finds the prompt by its tokens, also where two begin alike', async () => {
    const source = await createCaptureSource(openRecording(recordTwoPrompts(join(scratch, 'two.safetensors'))));
    await rowsOf(source, Int32Array.of(5, 6), { rows: 'none' });
    const [row] = await rowsOf(source, Int32Array.of(8));
    expect(row!.logits[0]).toBe(22);
    await source.truncate(0);
    const rows = await rowsOf(source, Int32Array.of(5, 6, 7), { rows: 'all', taps: ['norm.out'] });
    expect(rows.map(({ logits }) => logits[0])).toEqual([10, 11, 12]);
    expect(rows[2]!.taps.get('norm.out')).toEqual(new Float32Array([1, 2]));
  });

  it('keeps to the prompt it is bound to', async () => {
    const source = await createCaptureSource(openRecording(recordTwoPrompts(join(scratch, 'two.safetensors'))));
    source.selectPrompt('prompt-2');
    expect((await refusal(source, Int32Array.of(5, 6, 7))).facts['first differing position']).toBe(2);
    expect(() => source.selectPrompt('prompt-3')).toThrow(ComparisonInvalidError);
  });

  it('says whose rows these are', async () => {
    const source = await createCaptureSource(ttnn, { kind: 'golden-file' });
    expect(source.info).toMatchObject({ kind: 'golden-file', dtypes: { logits: 'BFP8_B' } });
    expect(source.info.weightsSha256).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('the recordings of real ttnn operations', () => {
  const golden = openRecording(join(FIXTURES, 'golden-hf/general-1.safetensors'), { logitsTensor: 'logits_f64' });

  // Figures of fixtures/golden-ttnn/README.md, to the digits given there.
  it.each([
    { exp: 'accurate', pccMin: 0.9977, pccMedian: 0.99982, meanKl: 0.0033, top1: 0.938 },
    { exp: 'approx', pccMin: 0.998, pccMedian: 0.99982, meanKl: 0.0031, top1: 0.927 },
  ])('differ from the truth by what their README states ($exp exp)', ({ exp, pccMin, pccMedian, meanKl, top1 }) => {
    const actual = openRecording(join(FIXTURES, `golden-ttnn/general-1-${exp}-exp.safetensors`)).prompts[0]!;
    const truth = golden.prompts[0]!;
    const rows = Array.from(actual.positions, (position, row) =>
      compare(truth.readLogits(truth.rowAt(position)!), actual.readLogits(row)),
    );
    const pccs = rows.map(({ pcc }) => pcc).sort((a, b) => a - b);
    expect(pccs[0]).toBeCloseTo(pccMin, 4);
    expect((pccs[47]! + pccs[48]!) / 2).toBeCloseTo(pccMedian, 5);
    expect(rows.reduce((sum, { kl }) => sum + kl, 0) / rows.length).toBeCloseTo(meanKl, 4);
    expect(rows.filter(({ sameTop }) => sameTop).length / rows.length).toBeCloseTo(top1, 3);
  });
});

/** Plain float64 definitions, independent of the harness's metrics. */
function compare(golden: Float32Array, actual: Float32Array): { pcc: number; kl: number; sameTop: boolean } {
  const n = golden.length;
  const mean = (row: Float32Array): number => row.reduce((sum, value) => sum + value, 0) / n;
  const [meanGolden, meanActual] = [mean(golden), mean(actual)];
  const logNormalizer = (row: Float32Array): number => Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
  const [normGolden, normActual] = [logNormalizer(golden), logNormalizer(actual)];
  let [covariance, varianceGolden, varianceActual, kl] = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [g, a] = [golden[i]!, actual[i]!];
    covariance += (g - meanGolden) * (a - meanActual);
    varianceGolden += (g - meanGolden) ** 2;
    varianceActual += (a - meanActual) ** 2;
    kl += Math.exp(g - normGolden) * (g - normGolden - (a - normActual));
  }
  const top = (row: Float32Array): number => row.indexOf(row.reduce((max, value) => Math.max(max, value), -Infinity));
  return { pcc: covariance / Math.sqrt(varianceGolden * varianceActual), kl, sameTop: top(golden) === top(actual) };
}
