// The exact tier against every vector file: the simulator's steps and matmuls, and whole ttnn 0.81.1 operations.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../../checkpoint/safetensors.ts';
import { InputError } from '../../../errors.ts';
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

describe('checkVectors', () => {
  let folder = '';
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const makeFolder = () => {
    folder = mkdtempSync(join(tmpdir(), 'vectors-'));
    return folder;
  };

  it('counts one changed bit and says where it is', () => {
    const data = readFileSync(join(VECTORS, 'matmul-hifi2.bin'));
    const firstOutput = 128 * 256;
    data[firstOutput] = data[firstOutput]! ^ 1;
    writeFileSync(join(makeFolder(), 'matmul-hifi2.bin'), data);
    const report = checkVectors(folder);
    expect(report).toMatchObject({ passed: false, mismatches: 1 });
    expect(found(report, 'matmul-hifi2.bin')?.comparison?.firstMismatch).toMatch(/^out16\[0\]: model 0x/);
  });

  it('derives K from the size: zeros of K = 64 give zeros', () => {
    writeFileSync(join(makeFolder(), 'matmul-lofi.bin'), Buffer.alloc(128 * 64 + 6144));
    expect(found(checkVectors(folder), 'matmul-lofi.bin')?.comparison).toMatchObject({ cases: 2048, mismatches: 0 });
  });

  it('calls a cut-off file unreadable and does not pass', () => {
    writeFileSync(join(makeFolder(), 'fpu-steps.bin'), readFileSync(join(VECTORS, 'fpu-steps.bin')).subarray(0, 100));
    const report = checkVectors(folder);
    expect(report.passed).toBe(false);
    expect(found(report, 'fpu-steps.bin')).toMatchObject({ state: 'unreadable' });
    expect(found(report, 'fpu-steps.bin')?.message).toContain('a multiple of 76 bytes');
  });

  it.each(['fpu-steps.bin', 'matmul-lofi.bin', 'kv-update-cache-bfp8.safetensors'])(
    'calls a folder of the name %s unreadable',
    (name) => {
      mkdirSync(join(makeFolder(), name));
      expect(found(checkVectors(folder), name)).toMatchObject({ state: 'unreadable' });
    },
  );

  it('calls a recording without its arguments unreadable', () => {
    const tensors = (['x', 'cache_before', 'cache_after'] as const).map((name) => ({
      name,
      dtype: 'F32' as const,
      shape: [1, 1, 32, 32],
      data: new Float32Array(1024),
    }));
    writeSafetensors(join(makeFolder(), 'kv-update-cache-bfp8.safetensors'), tensors, {});
    const result = found(checkVectors(folder), 'kv-update-cache-bfp8.safetensors');
    expect(result?.state).toBe('unreadable');
    expect(result?.message).toContain('"update_idx": a number');
  });

  it('reports foreign files as unknown and never passes an empty folder', () => {
    writeFileSync(join(makeFolder(), 'mine.safetensors'), '');
    const report = checkVectors(folder);
    expect(report).toMatchObject({ passed: false, cases: 0 });
    expect(found(report, 'mine.safetensors')?.state).toBe('unknown');
  });

  it('takes a recorded matmul under another shape in its name', () => {
    const source = join(TTNN_VECTORS, 'matmul-bf16xbfp4-32x256x64.safetensors');
    copyFileSync(source, join(makeFolder(), 'matmul-bf16xbfp4-64x128x64.safetensors'));
    expect(checkVectors(folder)).toMatchObject({ passed: true, cases: 12 * 32 * 64 });
  });

  it.each(['matmul-lofi.bin', 'eltwise-add.safetensors'])('refuses a folder by the name of %s', (name) => {
    mkdirSync(join(makeFolder(), name));
    expect(() => checkVectors(folder)).toThrow(
      expect.objectContaining({
        code: 'FILE_KIND',
        exitCode: 2,
        message: expect.stringContaining(`${join(folder, name)}: this is not a regular file.`),
      }),
    );
  });

  it('refuses a folder that is not there', () => {
    expect(() => checkVectors(join(VECTORS, 'nowhere'))).toThrow(InputError);
  });
});
