// The law of recordings over whole runs: changing the rows of one prompt, or of one user of a batch, changes its records and no other's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  readSafetensorsHeader,
  readTensorFloat32,
  readTensorInt32,
  writeSafetensors,
} from '../../src/checkpoint/safetensors.ts';
import { readTokensWithoutTiming } from '../record/read-tokens.fixture.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { fixturePath, runGate } from './gate-run.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-recorded-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const header = readSafetensorsHeader(fixturePath('golden-ttnn/general-1-accurate-exp.safetensors'));
const V = 2048;
const T = 24;
const ids = readTensorInt32(header, 'input_ids').subarray(0, T);
const rows = readTensorFloat32(header, 'logits').subarray(0, T * V);
/** Another model's rows of the same tokens, as far as a judge is concerned. */
const wrong = rows.map((_, i) => rows[(i * 7919) % rows.length]!);

/** Two prompts of the same tokens, the second a batch of two users. */
function record(name: string, parts: readonly Float32Array[]): string {
  const file = path.join(scratch, `${name}.safetensors`);
  const [one, first, second] = parts as [Float32Array, Float32Array, Float32Array];
  const batch = new Float32Array(2 * T * V);
  batch.set(first);
  batch.set(second, T * V);
  writeSafetensors(file, [
    { name: 'prompt.one.input_ids', dtype: 'I32', shape: [T], data: ids },
    { name: 'prompt.one.logits', dtype: 'F32', shape: [T, V], data: one },
    { name: 'prompt.batch.input_ids', dtype: 'I32', shape: [T], data: ids },
    { name: 'prompt.batch.logits', dtype: 'F32', shape: [2, T, V], data: batch },
  ]);
  return file;
}

async function judge(name: string, parts: readonly Float32Array[]): Promise<ReadonlyMap<string, unknown[]>> {
  const { folder } = await runGate({
    checkpoint: 'tiny-qwen2',
    out: scratch,
    device: `capture:${record(name, parts)}`,
  });
  const records = readTokensWithoutTiming(folder) as TokenRecord[];
  const bySequence = new Map<string, unknown[]>();
  for (const one of records) {
    const key = `${one.prompt} ${one.user}`;
    bySequence.set(key, [...(bySequence.get(key) ?? []), { ...one, variant: '', evidence: null }]);
  }
  return bySequence;
}

describe('a recording of three sequences with the same tokens', () => {
  it('is judged sequence by sequence, by its own rows', async () => {
    const honest = await judge('honest', [rows, rows, rows]);
    expect([...honest.keys()].sort()).toEqual(['batch 0', 'batch 1', 'one 0']);
    for (const [changed, key] of ['one 0', 'batch 0', 'batch 1'].entries()) {
      const parts = [rows, rows, rows].with(changed, wrong);
      const judged = await judge(`changed-${changed}`, parts);
      for (const [name, records] of honest) {
        if (name === key) expect(judged.get(name)).not.toEqual(records);
        else expect(judged.get(name)).toEqual(records);
      }
      expect((judged.get(key) as TokenRecord[]).every(({ status }) => status.startsWith('fail'))).toBe(true);
    }
  });

  it('says how many rows a chosen prompt leaves out', async () => {
    const file = record('chosen', [rows, rows, rows]);
    const { run } = await runGate({ checkpoint: 'tiny-qwen2', out: scratch, device: `capture:${file}`, only: ['one'] });
    expect(run.coverage.tokensJudged).toBe(T);
    expect(run.verdict.headline).toMatch(
      /2 of 3 recorded prompts \(48 rows\) of chosen\.safetensors were not asked for/,
    );
  });
});
