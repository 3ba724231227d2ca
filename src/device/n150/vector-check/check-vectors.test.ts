// Checking a folder of vectors: what differs is counted and placed, what cannot be read is said, nothing passes unread.
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

const found = (report: VectorReport, name: string) => report.files.find((file) => file.name === name);

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
