// The capture device: replays the tokens that were recorded, row for row, and refuses every other context.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { readSafetensorsHeader, readTensorFloat32, writeSafetensors } from '../../checkpoint/safetensors.ts';
import { ComparisonInvalidError, EXIT_CODES } from '../../errors.ts';
import type { FeedRequest, LogitsRow, LogitsSource } from '../logits-source.ts';
import { packRowsToBlockFloat } from '../wormhole/packer.ts';
import { type CaptureSource, createCaptureSource } from './capture-source.ts';
import { openRecording, sameRecording } from './recording.ts';
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

  it('hands out the rows that were recorded, and none for the positions between them', async () => {
    const path = join(FIXTURES, 'golden-hf/general-4096.safetensors');
    const recording = openRecording(path, { logitsTensor: 'logits_f64' });
    const source = await createCaptureSource(recording);
    const inputIds = recording.prompts[0]!.inputIds;
    expect(await rowsOf(source, inputIds.slice(0, 128), { rows: 'last' })).toHaveLength(1);
    const { positions } = recording.prompts[0]!;
    const rows = await rowsOf(source, inputIds.slice(128), { rows: 'all' });
    expect(rows.map(({ position }) => position)).toEqual([...positions].filter((position) => position >= 128));
    expect(rows.length).toBeLessThan(inputIds.length - 128);
    expect(source.positions('general-4096')).toEqual(positions);
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

  it('keeps to the prompt that it is fed by name', async () => {
    const source = await createCaptureSource(openRecording(recordTwoPrompts(join(scratch, 'two.safetensors'))));
    const error = await refusal(source, Int32Array.of(5, 6, 7), { rows: 'all', prompt: 'prompt-2' });
    expect(error.facts['first differing position']).toBe(2);
    await source.truncate(0);
    const unknown = await refusal(source, Int32Array.of(5, 6, 7), { rows: 'all', prompt: 'prompt-3' });
    expect(unknown).toMatchObject({ code: 'RECORDING_PROMPT', facts: { recorded: 'prompt-1, prompt-2' } });
  });

  it('says that a recording is one, and what it says of itself', async () => {
    const path = join(scratch, 'labelled.safetensors');
    writeRows(
      path,
      [
        {
          name: 'a',
          ids: [1, 2],
          logits: [
            [1, 2],
            [3, 4],
          ],
        },
      ],
      {
        label: 'N150 \u001b[2J\u001b[31msilicon\n\u202e',
        model: 'm\u001b[31m',
      },
    );
    const { info } = await createCaptureSource(openRecording(path));
    expect(info.label).toBe('recording labelled.safetensors, by its own account: N150 silicon ');
    expect(info.model).toBe('m');
    expect((await createCaptureSource(ttnn)).info.label).toMatch(/^recording general-1-accurate-exp\.safetensors/);
  });

  it('says whose rows these are', async () => {
    const source = await createCaptureSource(ttnn, { kind: 'golden-file' });
    expect(source.info).toMatchObject({ kind: 'golden-file', dtypes: { logits: 'BFP8_B' } });
    expect(source.info.weightsSha256).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('a capture source that is asked by name', () => {
  /** 32 users with one prompt; row p of user u is filled with 100 u + p. */
  const batch = join(scratch, 'batch.safetensors');
  const users = Array.from({ length: 32 }, (_, user) => user);
  const ids = [5, 6, 7];
  writeRows(
    batch,
    users.map((user) => ({
      name: `user${String(user).padStart(2, '0')}`,
      ids,
      logits: ids.map((_, position) => [100 * user + position, 0, 0]),
    })),
  );
  const want = (prompt: string): FeedRequest => ({ rows: 'all', prompt });

  it.each([0, 8, 31])('hands out the rows of user %i, though all users have the same tokens', async (user) => {
    const source = await createCaptureSource(openRecording(batch));
    const rows = await rowsOf(source, Int32Array.from(ids), want(`user${String(user).padStart(2, '0')}`));
    expect(rows.map(({ logits }) => logits[0])).toEqual([0, 1, 2].map((position) => 100 * user + position));
  });

  it('keeps to the prompt of the first feed until truncate(0)', async () => {
    const source = await createCaptureSource(openRecording(batch));
    await rowsOf(source, Int32Array.of(5, 6), want('user03'));
    expect((await rowsOf(source, Int32Array.of(7)))[0]!.logits[0]).toBe(302);
    await source.truncate(1);
    expect((await rowsOf(source, Int32Array.of(6)))[0]!.logits[0]).toBe(301);
    await source.truncate(0);
    expect((await rowsOf(source, Int32Array.of(5), want('user04')))[0]!.logits[0]).toBe(400);
  });

  it('refuses to choose without a name where several fit, and names them', async () => {
    const error = await refusal(await createCaptureSource(openRecording(batch)), Int32Array.from(ids));
    expect(error.code).toBe('RECORDING_AMBIGUOUS');
    expect(error.facts['candidates']).toContain('user00, user01');
  });

  it('never takes another prompt with the same tokens for one that was not recorded', async () => {
    const error = await refusal(await createCaptureSource(openRecording(batch)), Int32Array.from(ids), want('user32'));
    expect(error.code).toBe('RECORDING_PROMPT');
  });

  it('takes a file of one prompt without a name for whatever has its tokens', async () => {
    const path = join(scratch, 'unnamed.safetensors');
    writeSafetensors(path, [
      { name: 'input_ids', dtype: 'I32', shape: [2], data: Int32Array.of(5, 6) },
      { name: 'logits', dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    ]);
    const source = await createCaptureSource(openRecording(path));
    expect(await rowsOf(source, Int32Array.of(5, 6), want('call-me-ishmael'))).toHaveLength(2);
    await source.truncate(0);
    expect((await refusal(source, Int32Array.of(5, 7), want('call-me-ishmael'))).code).toBe('RECORDING_TOKENS');
  });

  it('finds a user of a batch by prompt and number', async () => {
    const path = join(scratch, 'users.safetensors');
    writeSafetensors(
      path,
      [
        { name: 'input_ids', dtype: 'I32', shape: [2], data: Int32Array.of(5, 6) },
        { name: 'logits', dtype: 'F32', shape: [3, 2, 1], data: Float32Array.of(0, 1, 10, 11, 20, 21) },
      ],
      { prompts: '["shared"]' },
    );
    const source = await createCaptureSource(openRecording(path));
    const rows = await rowsOf(source, Int32Array.of(5, 6), { rows: 'all', prompt: 'shared', user: 2 });
    expect(rows.map(({ logits }) => logits[0])).toEqual([20, 21]);
    await source.truncate(0);
    expect((await rowsOf(source, Int32Array.of(5), want('shared')))[0]!.logits[0]).toBe(0);
    await source.truncate(0);
    const none = await refusal(source, Int32Array.of(5, 6), { rows: 'all', prompt: 'shared', user: 3 });
    expect(none).toMatchObject({ code: 'RECORDING_PROMPT', facts: { recorded: 'shared, shared[1], shared[2]' } });
  });

  it('law: changing the rows of one prompt changes what is handed out for it and for no other', async () => {
    const prompt = fc.record({
      ids: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 4 }),
      first: fc.integer({ min: 0, max: 99 }),
    });
    const plan = fc.array(prompt, { minLength: 2, maxLength: 6 });
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(plan, fc.nat(), async (prompts, which) => {
        const changed = which % prompts.length;
        const handedOut = async (shift: number): Promise<unknown[]> => {
          const path = join(scratch, `law-${runs++}.safetensors`);
          writeRows(
            path,
            prompts.map((one, i) => ({
              name: `p${i}`,
              ids: one.ids,
              logits: one.ids.map((_, position) => [one.first + position + (i === changed ? shift : 0), i]),
            })),
          );
          const source = await createCaptureSource(openRecording(path));
          const all: unknown[] = [];
          for (const [i, one] of prompts.entries()) {
            await source.truncate(0);
            const rows = await rowsOf(source, Int32Array.from(one.ids), want(`p${i}`));
            all.push(rows.map(({ position, logits }) => [position, ...logits]));
          }
          return all;
        };
        const before = await handedOut(0);
        const after = await handedOut(1000);
        for (const i of prompts.keys()) {
          if (i === changed) expect(after[i]).not.toEqual(before[i]);
          else expect(after[i]).toEqual(before[i]);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('what a capture source says about its rows', () => {
  const checkpoint = { name: 'tiny', config: { vocabSize: 3 }, sha256: async () => 'ab'.repeat(32) };
  const noise = Float32Array.from({ length: 320 }, (_, i) => ((i * 7919) % 1013) / 37 - 13);

  it('cuts columns beyond the vocabulary and says so', async () => {
    const path = join(scratch, 'padded.safetensors');
    writeRows(path, [{ name: 'a', ids: [1], logits: [[1, 2, 3, 99, 99]] }]);
    const source = await createCaptureSource(openRecording(path), { checkpoint });
    expect(source.vocabSize).toBe(3);
    expect((await rowsOf(source, Int32Array.of(1)))[0]!.logits).toEqual(Float32Array.of(1, 2, 3));
    expect(source.info.notes).toEqual([
      'padded.safetensors: columns 3 … 4 lie outside the vocabulary of 3 and were cut; ' +
        'in 1 of 1 row the largest logit was among them: a token that does not exist would be chosen (first at position 0 of prompt "a")',
    ]);
  });

  const [nan, infinity] = [Number.NaN, Number.POSITIVE_INFINITY];
  it.each([
    { name: 'zeros below the row', rows: [[1, 2, 3, 0, 0]], says: /were cut$/ },
    { name: 'the largest of the row once more', rows: [[1, 2, 3, 3, 3]], says: /were cut$/ },
    { name: '-Infinity', rows: [[-1, -2, -3, -infinity, -infinity]], says: /were cut$/ },
    {
      name: 'zeros above rows of negative logits',
      rows: [
        [-1, -2, -3, 0, 0],
        [-1, 2, -3, 0, 0],
        [-1, -2, -3, -9, 0],
      ],
      says: /were cut; in 2 of 3 rows the largest logit was among them: .* \(first at position 0 of prompt "a"\)$/,
    },
    {
      name: 'NaN',
      rows: [
        [1, 2, 3, 0, 0],
        [1, 2, 3, 0, nan],
      ],
      says: /were cut; in 1 of 2 rows they held NaN \(first at position 1 of prompt "a"\)$/,
    },
    {
      name: 'NaN in one row and more in another',
      rows: [
        [1, 2, 3, infinity, 0],
        [1, 2, 3, 0, nan],
      ],
      says: /; in 1 of 2 rows the largest .* position 0 .*; in 1 of 2 rows they held NaN \(first at position 1/,
    },
  ])('looks at every row of the columns that it cuts: $name', async ({ rows, says }) => {
    const path = join(scratch, 'looked-at.safetensors');
    writeRows(path, [{ name: 'a', ids: rows.map((_, i) => i), logits: rows }]);
    const { info } = await createCaptureSource(openRecording(path), { checkpoint });
    expect(info.notes).toEqual([expect.stringMatching(says)]);
  });

  it('reads one row at a time for that, and none where nothing is cut', async () => {
    const path = join(scratch, 'row-by-row.safetensors');
    const row = [1, 2, 3, 4];
    writeRows(path, [{ name: 'a', ids: Array(40).fill(1), logits: Array(40).fill(row) }]);
    const recording = openRecording(path);
    const read = vi.spyOn(recording.prompts[0]!, 'readLogits');
    await createCaptureSource(recording);
    const looked = read.mock.calls.length;
    expect(looked).toBeLessThan(40);
    read.mockClear();
    await createCaptureSource(recording, { checkpoint });
    expect(read).toHaveBeenCalledTimes(40 + looked);
  });

  it('refuses fewer columns than the vocabulary has', async () => {
    const path = join(scratch, 'narrow.safetensors');
    writeRows(path, [{ name: 'a', ids: [1], logits: [[1, 2]] }]);
    await expect(createCaptureSource(openRecording(path), { checkpoint })).rejects.toMatchObject({
      code: 'RECORDING_VOCABULARY',
    });
  });

  it('says when the recording names other weights', async () => {
    const path = join(scratch, 'foreign.safetensors');
    const source = (weightsSha256: string) => ({ source: JSON.stringify({ weightsSha256 }) });
    writeRows(path, [{ name: 'a', ids: [1], logits: [[1, 2, 3]] }], source('cd'.repeat(32)));
    const { info } = await createCaptureSource(openRecording(path), { checkpoint });
    expect(info.notes).toEqual([
      expect.stringContaining('recorded from other weights (sha256 cdcdcdcdcdcd…) than tiny'),
    ]);
    writeRows(path, [{ name: 'a', ids: [1], logits: [[1, 2, 3]] }], source('ab'.repeat(32)));
    expect((await createCaptureSource(openRecording(path), { checkpoint })).info.notes).toBeUndefined();
  });

  it('says when rows look like filtered scores', async () => {
    const path = join(scratch, 'scores.safetensors');
    const scores = [...noise].map((value, i) => (i < 20 ? value : Number.NEGATIVE_INFINITY));
    writeRows(path, [{ name: 'a', ids: [1], logits: [scores] }]);
    const { info } = await createCaptureSource(openRecording(path));
    expect(info.notes).toEqual([expect.stringMatching(/all but 20 of 320 .*output_logits=True/)]);
  });

  it('keeps the format of each prompt; the finest stands for all', async () => {
    const path = join(scratch, 'formats.safetensors');
    const packed = noise.map((value) => Math.fround(Math.round(value)));
    packRowsToBlockFloat(packed, { format: 'BFP8_B', doubleRound: true });
    const zeros = [...noise.map(() => 0)];
    writeRows(path, [
      { name: 'block', ids: [1, 2], logits: [zeros, [...packed]] },
      { name: 'float', ids: [1, 2], logits: [zeros, [...noise]] },
      { name: 'zero', ids: [1], logits: [zeros] },
    ]);
    const source = await createCaptureSource(openRecording(path));
    expect(['block', 'float', 'zero'].map((name) => source.logitsFormatOf(name))).toEqual(['BFP8_B', 'F32', 'F32']);
    expect(source.info.logitsFormat).toBe('F32');
    const asked = await createCaptureSource(openRecording(path), { logitsFormat: 'BF16' });
    expect([asked.info.logitsFormat, asked.logitsFormatOf('block')]).toEqual(['BF16', 'BF16']);
  });

  it('refuses a format that the values are not of, or that does not exist', async () => {
    const path = join(scratch, 'stated.safetensors');
    writeRows(path, [{ name: 'a', ids: [1], logits: [[...noise]] }], { logits_format: 'bfloat8_b' });
    await expect(createCaptureSource(openRecording(path))).rejects.toMatchObject({
      code: 'LOGITS_FORMAT',
      exitCode: 2,
    });
    writeRows(path, [{ name: 'a', ids: [1], logits: [[...noise]] }], { logits_format: 'int3' });
    expect(() => openRecording(path)).toThrow(expect.objectContaining({ code: 'LOGITS_FORMAT' }));
  });

  it('refuses a request whose rows end before its tokens do', async () => {
    const path = join(scratch, 'cut-off.safetensors');
    writeSafetensors(path, [
      { name: 'input_ids', dtype: 'I32', shape: [5], data: Int32Array.of(1, 2, 3, 4, 5) },
      { name: 'positions', dtype: 'I32', shape: [2], data: Int32Array.of(1, 2) },
      { name: 'logits', dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    ]);
    const source = await createCaptureSource(openRecording(path));
    expect(await rowsOf(source, Int32Array.of(1, 2, 3))).toHaveLength(2);
    const error = await refusal(source, Int32Array.of(4, 5));
    expect(error).toMatchObject({ code: 'RECORDING_ROW', facts: { 'last row': 'position 2' } });
  });

  it('knows the same bytes under another name', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => join(scratch, `same-${name}.safetensors`)) as [
      string,
      string,
      string,
    ];
    writeRows(a, [{ name: 'a', ids: [1], logits: [[1, 2]] }]);
    copyFileSync(a, b);
    writeRows(c, [{ name: 'a', ids: [1], logits: [[1, 3]] }]);
    expect(await sameRecording(openRecording(a), openRecording(b))).toBe(true);
    expect(await sameRecording(openRecording(a), openRecording(c))).toBe(false);
  });
});

interface PromptRows {
  readonly name: string;
  readonly ids: readonly number[];
  readonly logits: readonly (readonly number[])[];
}

function writeRows(path: string, prompts: readonly PromptRows[], metadata: Record<string, string> = {}): void {
  writeSafetensors(
    path,
    prompts.flatMap(({ name, ids: tokens, logits }) => [
      {
        name: `prompt.${name}.input_ids`,
        dtype: 'I32' as const,
        shape: [tokens.length],
        data: Int32Array.from(tokens),
      },
      {
        name: `prompt.${name}.logits`,
        dtype: 'F32' as const,
        shape: [logits.length, logits[0]!.length],
        data: Float32Array.from(logits.flat()),
      },
    ]),
    metadata,
  );
}

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
