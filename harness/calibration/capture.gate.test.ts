// Recordings of real ttnn operations judged against the reference: the figures of their README, and what is no comparison at all.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  readSafetensorsHeader,
  readTensorFloat32,
  readTensorInt32,
  writeSafetensors,
} from '../../src/checkpoint/safetensors.ts';
import { EXIT_CODES } from '../../src/errors.ts';
import { fixturePath, runGate } from './gate-run.ts';
import '../vitest/to-pass-gate.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-capture-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const accurate = fixturePath('golden-ttnn/general-1-accurate-exp.safetensors');
const approximate = fixturePath('golden-ttnn/general-1-approx-exp.safetensors');
const base = { checkpoint: 'tiny-qwen2', out: path.join(scratch, 'runs') };
const header = readSafetensorsHeader(accurate);
const inputIds = readTensorInt32(header, 'input_ids');
const logits = readTensorFloat32(header, 'logits');
const TOKENS = 96;
const VOCAB = 2048;

/** A prompt file with the 96 recorded tokens, so that the plan comes from elsewhere than the recording. */
function promptsFile(): string {
  const file = path.join(scratch, 'prompts.json');
  writeFileSync(file, JSON.stringify([{ name: 'general-1', ids: [...inputIds] }]));
  return file;
}

function writeRecording(name: string, ids: Int32Array, positions: Int32Array, rows: Float32Array): string {
  mkdirSync(scratch, { recursive: true });
  const file = path.join(scratch, `${name}.safetensors`);
  writeSafetensors(file, [
    { name: 'input_ids', dtype: 'I32', shape: [ids.length], data: ids },
    { name: 'positions', dtype: 'I32', shape: [positions.length], data: positions },
    { name: 'logits', dtype: 'F32', shape: [rows.length / VOCAB, VOCAB], data: rows },
  ]);
  return file;
}

const count = (length: number, from = 0): Int32Array => Int32Array.from({ length }, (_, i) => from + i);

describe('recordings of ttnn operations', () => {
  it.each([
    { exp: 'accurate', file: accurate, pccMin: 0.9977, klMean: 0.0033, top1: 0.938 },
    { exp: 'approximate', file: approximate, pccMin: 0.998, klMean: 0.0031, top1: 0.927 },
  ])('with $exp exp show the figures of their README', async ({ file, pccMin, klMean, top1 }) => {
    const gate = await runGate({ ...base, device: `capture:${file}` });
    const { n, pcc, klNats, ...summary } = gate.run.summary.all;
    expect(n).toBe(TOKENS);
    expect(pcc!.min).toBeCloseTo(pccMin, 4);
    expect(pcc!.p50).toBeCloseTo(0.99982, 5);
    expect(klNats!.mean).toBeCloseTo(klMean, 4);
    expect(summary.top1).toBeCloseTo(top1, 3);
    expect(gate).toPassGate();
  });

  it.each(['demo-2024', 'ttnn-0.81'])('err as much as the device model with recipe %s does', async (recipe) => {
    const captured = await runGate({ ...base, device: `capture:${accurate}` });
    const modelled = await runGate({
      ...base,
      prompts: promptsFile(),
      maxNewTokens: 0,
      device: `n150:recipe=${recipe}`,
    });
    const [recorded, model] = [captured.run.summary.all.klNats!.mean, modelled.run.summary.all.klNats!.mean];
    process.stdout.write(
      `mean KL to the truth: recording ${recorded.toFixed(5)}, model ${recipe} ${model.toFixed(5)}, ratio ${(model / recorded).toFixed(3)}\n`,
    );
    expect(model / recorded).toBeGreaterThan(0.6);
    expect(model / recorded).toBeLessThan(1.6);
  });
});

describe('a recording that is not of the plan', () => {
  const dropped = 40;
  const withoutOne = <T extends Int32Array | Float32Array>(values: T, width: number): T => {
    const kept = values.slice(0, values.length - width) as T;
    kept.set(values.subarray((dropped + 1) * width) as never, dropped * width);
    return kept;
  };

  it.each([
    {
      what: 'one token dropped',
      file: () => writeRecording('dropped', withoutOne(inputIds, 1), count(TOKENS - 1), withoutOne(logits, VOCAB)),
    },
    {
      what: 'one row dropped',
      file: () => writeRecording('row', inputIds, withoutOne(count(TOKENS), 1), withoutOne(logits, VOCAB)),
    },
    {
      what: 'positions shifted by one, so that the last has no token',
      file: () => writeRecording('shifted', inputIds, count(TOKENS, 1), logits),
      exitCode: EXIT_CODES.usage,
    },
    {
      what: 'tokens shifted by one',
      file: () =>
        writeRecording(
          'tokens',
          Int32Array.from([inputIds[0]!, ...inputIds.subarray(0, TOKENS - 1)]),
          count(TOKENS),
          logits,
        ),
    },
    {
      what: 'another prompt',
      file: () =>
        writeRecording(
          'other',
          inputIds.map((id) => id ^ 1),
          count(TOKENS),
          logits,
        ),
    },
  ])('is invalid: $what', async ({ file, exitCode = EXIT_CODES.comparisonInvalid }) => {
    const outcome = await runGate({
      ...base,
      prompts: promptsFile(),
      maxNewTokens: 0,
      device: `capture:${file()}`,
    }).catch((error: unknown) => error);
    const refused = outcome instanceof Error ? outcome : (outcome as Awaited<ReturnType<typeof runGate>>).run;
    expect(refused).toMatchObject({ exitCode });
  });

  it('is judged where it has rows when the plan is its own', async () => {
    const rows = TOKENS - dropped;
    const file = writeRecording('decode-only', inputIds, count(rows, dropped), logits.subarray(dropped * VOCAB));
    const gate = await runGate({ ...base, device: `capture:${file}` });
    expect(gate.run.coverage).toMatchObject({ tokensPlanned: rows, tokensJudged: rows });
    expect(gate).toPassGate();
  });

  it('is not refused for nothing: the same tokens are judged', async () => {
    const file = writeRecording('same', inputIds, count(TOKENS), logits);
    expect(await runGate({ ...base, prompts: promptsFile(), maxNewTokens: 0, device: `capture:${file}` })).toPassGate();
  });
});
