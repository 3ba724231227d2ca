// The capture device: replays the tokens that were recorded, row for row, and refuses every other context.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensorFloat32, writeSafetensors } from '../../checkpoint/safetensors.ts';
import { ComparisonInvalidError, EXIT_CODES } from '../../errors.ts';
import type { FeedRequest, LogitsRow, LogitsSource, SourceInfo } from '../logits-source.ts';
import { type CaptureSource, createCaptureSource } from './capture-source.ts';
import { openRecording } from './recording.ts';
import { createRecordingWriter } from './recording-writer.ts';

const FIXTURES = join(import.meta.dirname, '../../../fixtures');
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-capture-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const ttnnPath = join(FIXTURES, 'golden-ttnn/general-1-accurate-exp.safetensors');
const ttnn = openRecording(ttnnPath);
const ids = ttnn.prompts[0]!.inputIds;

const info: SourceInfo = {
  kind: 'n150-model',
  label: 'a test',
  model: 'none',
  weightsSha256: '',
  dtypes: {},
  settings: {},
};

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

/** Two prompts that share their first two tokens; row p of prompt k is filled with 10 k + p. */
function twoPrompts(): string {
  const path = join(scratch, 'two.safetensors');
  const writer = createRecordingWriter(path, info);
  for (const [k, inputIds] of [
    [1, [5, 6, 7]],
    [2, [5, 6, 8, 9]],
  ] as const) {
    writer.beginPrompt(`prompt-${k}`);
    inputIds.forEach((tokenId, position) => {
      writer.addRow({
        position,
        tokenId,
        logits: new Float32Array(11).fill(10 * k + position),
        taps: new Map([['norm.out', new Float32Array([k, position])]]),
      });
    });
    writer.endPrompt({ inputIds: Int32Array.from(inputIds), promptLength: 2 });
  }
  writer.finish();
  return path;
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
    const source = await createCaptureSource(openRecording(twoPrompts()));
    await rowsOf(source, Int32Array.of(5, 6), { rows: 'none' });
    const [row] = await rowsOf(source, Int32Array.of(8));
    expect(row!.logits[0]).toBe(22);
    await source.truncate(0);
    const rows = await rowsOf(source, Int32Array.of(5, 6, 7), { rows: 'all', taps: ['norm.out'] });
    expect(rows.map(({ logits }) => logits[0])).toEqual([10, 11, 12]);
    expect(rows[2]!.taps.get('norm.out')).toEqual(new Float32Array([1, 2]));
  });

  it('keeps to the prompt it is bound to', async () => {
    const source = await createCaptureSource(openRecording(twoPrompts()));
    source.selectPrompt('prompt-2');
    expect((await refusal(source, Int32Array.of(5, 6, 7))).facts['first differing position']).toBe(2);
    expect(() => source.selectPrompt('prompt-3')).toThrow(ComparisonInvalidError);
  });

  it('says whose rows these are', async () => {
    const source = await createCaptureSource(ttnn, { kind: 'golden-file' });
    expect(source.info).toMatchObject({ kind: 'golden-file', dtypes: { logits: 'F32' } });
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

describe('openRecording', () => {
  const good = {
    input_ids: { dtype: 'I32' as const, shape: [4], data: Int32Array.of(3, 1, 4, 1) },
    positions: { dtype: 'I32' as const, shape: [2], data: Int32Array.of(1, 3) },
    logits: { dtype: 'F32' as const, shape: [2, 5], data: new Float32Array(10).map((_, i) => i) },
  };
  type Parts = Record<string, { dtype: 'I32' | 'F32' | 'BF16' | 'F64'; shape: number[]; data: ArrayBufferView }>;

  function record(name: string, parts: Parts, metadata: Record<string, string> = {}): string {
    const path = join(scratch, `${name}.safetensors`);
    writeSafetensors(
      path,
      Object.entries(parts).map(([tensor, part]) => ({ name: tensor, ...part })),
      metadata,
    );
    return path;
  }

  it('reads BF16 logits exactly', () => {
    const data = Uint16Array.from({ length: 10 }, (_, i) => 0x3f80 + i);
    const [prompt] = openRecording(record('bf16', { ...good, logits: { dtype: 'BF16', shape: [2, 5], data } })).prompts;
    expect(prompt!.readLogits(1)[0]).toBe(1 + 5 / 128);
  });

  it('takes fewer tap rows than logits rows as the last ones', () => {
    const hidden = { dtype: 'F32' as const, shape: [1, 2], data: Float32Array.of(7, 8) };
    const [prompt] = openRecording(record('last-n', { ...good, 'hidden.1': hidden })).prompts;
    expect(prompt!.readTap('layers.0.out', 0)).toBeUndefined();
    expect(prompt!.readTap('layers.0.out', 1)).toEqual(Float32Array.of(7, 8));
  });

  it.each([
    { name: 'no ids', change: { input_ids: undefined }, code: 'RECORDING_MISSING' },
    { name: 'no positions', change: { positions: undefined }, code: 'RECORDING_MISSING' },
    { name: 'no logits', change: { logits: undefined }, code: 'RECORDING_MISSING' },
    {
      name: 'fewer logits rows than positions',
      change: { logits: { dtype: 'F32' as const, shape: [1, 5], data: new Float32Array(5) } },
      code: 'RECORDING_LOGITS',
    },
    {
      name: 'logits of a dtype that is not widened',
      change: { logits: { dtype: 'F64' as const, shape: [2, 5], data: new Float64Array(10) } },
      code: 'RECORDING_LOGITS',
    },
    {
      name: 'positions after the tokens',
      change: { positions: { dtype: 'I32' as const, shape: [2], data: Int32Array.of(1, 4) } },
      code: 'RECORDING_POSITIONS',
    },
    {
      name: 'positions that do not ascend',
      change: { positions: { dtype: 'I32' as const, shape: [2], data: Int32Array.of(3, 3) } },
      code: 'RECORDING_POSITIONS',
    },
    {
      name: 'ids that are no integers',
      change: { input_ids: { dtype: 'F32' as const, shape: [4], data: new Float32Array(4) } },
      code: 'RECORDING_IDS',
    },
    {
      name: 'more tap rows than logits rows',
      change: { 'hidden.1': { dtype: 'F32' as const, shape: [3, 2], data: new Float32Array(6) } },
      code: 'RECORDING_TAP',
    },
  ])('refuses $name as invalid', ({ name, change, code }) => {
    const parts = Object.fromEntries(
      Object.entries({ ...good, ...change }).filter(([, part]) => part !== undefined),
    ) as Parts;
    const path = record(name.replaceAll(' ', '-'), parts);
    expect(() => openRecording(path)).toThrow(ComparisonInvalidError);
    expect(() => openRecording(path)).toThrow(expect.objectContaining({ code }));
  });

  it('refuses prompts of different vocabularies', () => {
    const path = join(scratch, 'vocabularies.safetensors');
    const writer = createRecordingWriter(path, info);
    for (const [name, width] of [
      ['a', 5],
      ['b', 6],
    ] as const) {
      writer.beginPrompt(name);
      writer.addRow({ position: 0, tokenId: 1, logits: new Float32Array(width), taps: new Map() });
      writer.endPrompt({ inputIds: Int32Array.of(1), promptLength: 1 });
    }
    writer.finish();
    expect(() => openRecording(path)).toThrow(expect.objectContaining({ code: 'RECORDING_VOCABULARY' }));
  });

  it.each([
    { meaning: 'residual', last: 'layers.1.out' },
    { meaning: 'transformers', last: 'norm.out' },
    { meaning: undefined, last: 'norm.out' },
  ])('reads the last of hidden.0 … hidden.2 as $last when the metadata says $meaning', ({ meaning, last }) => {
    const hidden = { dtype: 'F32' as const, shape: [2, 2], data: new Float32Array(4) };
    const path = record(
      `hidden-${meaning}`,
      { ...good, 'hidden.0': hidden, 'hidden.1': hidden, 'hidden.2': hidden },
      meaning === undefined ? {} : { hidden: meaning },
    );
    expect(openRecording(path).prompts[0]!.taps).toEqual(['embed_tokens.out', 'layers.0.out', last]);
  });
});

describe('createRecordingWriter', () => {
  it('writes what openRecording reads: names in order, prompt lengths, provenance', () => {
    const recording = openRecording(twoPrompts());
    expect(recording.prompts.map(({ name, promptLength }) => [name, promptLength])).toEqual([
      ['prompt-1', 2],
      ['prompt-2', 2],
    ]);
    expect([...recording.prompts[1]!.inputIds]).toEqual([5, 6, 8, 9]);
    expect(JSON.parse(recording.metadata['source']!)).toEqual(info);
  });

  it('writes a single prompt at the top level, as other tools do', () => {
    const path = join(scratch, 'one.safetensors');
    const writer = createRecordingWriter(path, info);
    writer.beginPrompt('only');
    writer.addRow({ position: 1, tokenId: 4, logits: Float32Array.of(1, 2, 3), taps: new Map() });
    writer.endPrompt({ inputIds: Int32Array.of(3, 4), promptLength: 2 });
    writer.finish();
    expect([...readSafetensorsHeader(path).tensors.keys()].sort()).toEqual(['input_ids', 'logits', 'positions']);
    expect(openRecording(path).prompts[0]!.name).toBe('only');
  });

  it('leaves nothing behind when aborted', () => {
    const path = join(scratch, 'aborted.safetensors');
    const writer = createRecordingWriter(path, info);
    writer.beginPrompt('only');
    writer.addRow({ position: 0, tokenId: 4, logits: Float32Array.of(1), taps: new Map() });
    writer.abort();
    expect(() => openRecording(path)).toThrow(/cannot be opened or read/);
  });
});
