// Two recordings on the two sides, one of them with fewer rows: what both have is judged, what one has alone is said.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
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
import { callCommand } from './in-process.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-partial-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const V = 2048;
const T = 24;
const PART = [3, 10, 11, 12, 23];

/** The first rows of a recording of real ttnn kernels, at these positions. */
function record(name: string, source: string, positions: readonly number[]): string {
  const header = readSafetensorsHeader(`fixtures/golden-ttnn/${source}.safetensors`);
  const all = readTensorFloat32(header, 'logits');
  const rows = new Float32Array(positions.length * V);
  for (const [row, position] of positions.entries()) {
    rows.set(all.subarray(position * V, (position + 1) * V), row * V);
  }
  const file = path.join(scratch, `${name}.safetensors`);
  writeSafetensors(file, [
    { name: 'prompt.a.input_ids', dtype: 'I32', shape: [T], data: readTensorInt32(header, 'input_ids').subarray(0, T) },
    { name: 'prompt.a.positions', dtype: 'I32', shape: [positions.length], data: Int32Array.from(positions) },
    { name: 'prompt.a.logits', dtype: 'F32', shape: [positions.length, V], data: rows },
  ]);
  return file;
}

const EVERY = Array.from({ length: T }, (_, position) => position);
const whole = record('whole', 'general-1-accurate-exp', EVERY);
const part = record('part', 'general-1-approx-exp', PART);

async function judge(golden: string, device: string) {
  const out = path.join(scratch, 'out');
  const { code, stdout, stderr } = await callCommand([
    ...['validate', '--weights', 'fixtures/tiny-qwen2', '--reference', `golden:${golden}`],
    ...['--device', `capture:${device}`, '--out', out],
  ]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const tokens = readTokensWithoutTiming(path.join(out, 'last')) as { position: number }[];
  return { stdout, tokens, notes: JSON.parse(readFileSync(path.join(out, 'last/run.json'), 'utf8')).notes as string[] };
}

describe('of two recordings', () => {
  it.each([
    { fewer: 'reference', golden: part, device: whole, says: /^19 of 24 rows of whole\.safetensors are not judged/ },
    { fewer: 'device', golden: whole, device: part, says: /^19 of 24 rows of whole\.safetensors are not judged/ },
  ])(
    'the rows that both have are judged and the others are said, where the $fewer has fewer',
    async ({ golden, device, says }) => {
      const { tokens, notes, stdout } = await judge(golden, device);
      expect(tokens.map(({ position }) => position)).toEqual(PART);
      expect(notes).toEqual([expect.stringMatching(says)]);
      expect(stdout).toMatch(/\nPASS {2}5 of 5 tokens judged.*19 of 24 rows/);
    },
  );
});
