// The exact tier against every vector file: the simulator's steps and matmuls, and whole ttnn 0.81.1 operations.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkVectors, type VectorReport } from './check-vectors.ts';

const VECTORS = fileURLToPath(new URL('../../../../fixtures/vectors', import.meta.url));
const TTNN_VECTORS = join(VECTORS, 'ttnn-0.81.1');

const checked = (report: VectorReport) => report.files.filter(({ state }) => state === 'checked');
const found = (report: VectorReport, name: string) => report.files.find((file) => file.name === name);

describe('the exact tier against the simulator', () => {
  const report = checkVectors(VECTORS);

  it.each([
    { name: 'fpu-steps.bin', cases: 8000 },
    { name: 'matmul-lofi.bin', cases: 2048 },
    { name: 'matmul-hifi2.bin', cases: 2048 },
    { name: 'matmul-hifi3.bin', cases: 2048 },
    { name: 'matmul-hifi4.bin', cases: 2048 },
    { name: 'bfp8-pack.bin', cases: 68_000 },
    { name: 'bfp8-unpack.bin', cases: 65_536 },
    { name: 'host-pack-bfp8.bin', cases: 40 * (1088 + 1024) },
    { name: 'host-pack-bfp4.bin', cases: 40 * (576 + 1024) },
  ])('reproduces all $cases cases of $name bit for bit', ({ name, cases }) => {
    expect(found(report, name)).toMatchObject({
      state: 'checked',
      comparison: { rule: 'equal bits', cases, equalBits: cases, mismatches: 0 },
    });
  });

  it('passes and names the files of other folders as absent', () => {
    expect(report.passed).toBe(true);
    expect(found(report, 'eltwise-add.safetensors')?.state).toBe('absent');
  });
});

describe('the exact tier against ttnn 0.81.1', () => {
  const report = checkVectors(TTNN_VECTORS);

  it('reads every file of the folder that its table names', () => {
    expect(report.files.filter(({ name, state }) => name.endsWith('.safetensors') && state === 'absent')).toEqual([]);
    expect(report.files.filter(({ state }) => state === 'unreadable' || state === 'unknown')).toEqual([]);
  });

  it('has each matmul, sum, product, cast, cache update, norm and attention from the function that the graph runs', () => {
    const outside = checked(report).filter(({ subject }) => subject === 'outside the graph');
    expect(outside.map(({ name }) => name.replace(/-(bf16|f32|llama).*$|\.safetensors$/, ''))).toEqual([
      ...['exp', 'exp', 'sqrt'],
      ...new Array(4).fill('softmax'),
      ...new Array(6).fill('rotary-embedding'),
    ]);
    expect(checked(report).filter(({ subject }) => subject === 'graph')).toHaveLength(36);
  });

  it('reproduces all of them but single functions bit for bit, softmax and rotations too', () => {
    const bitExact = checked(report).filter(({ comparison }) => comparison?.rule === 'equal bits');
    expect(bitExact.length).toBe(41);
    for (const { name, comparison } of bitExact) {
      expect({ name, mismatches: comparison?.mismatches }).toEqual({ name, mismatches: 0 });
    }
  });

  it('keeps every function of the vector unit within one bf16 unit, and all but exp-f32 equal', () => {
    const functions = checked(report).filter(({ comparison }) => comparison?.rule === 'within one bf16 unit');
    expect(functions).toHaveLength(8);
    for (const { name, comparison } of functions) {
      expect({ name, mismatches: comparison?.mismatches }).toEqual({ name, mismatches: 0 });
      if (name !== 'exp-f32.safetensors') expect(comparison?.equalBits).toBe(comparison?.cases);
    }
  });
});
