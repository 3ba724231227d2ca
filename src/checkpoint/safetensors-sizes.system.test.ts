// Safetensors files as large as the format's limits and the reader's chunks: read, or refused, in time with their length.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { headerOfMany, writeRawSafetensors } from './raw-safetensors.fixture.ts';
import { readFloat32At, readSafetensorsHeader, readTensor, requireTensor, writeSafetensors } from './safetensors.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-safetensors-sizes-'));
afterAll(() => rmSync(scratch, { recursive: true }));

it('20 MB that are no JSON are parsed before they are scanned, which takes time with the square of their length', () => {
  // At the speed of the scan before, weeks.
  const quotes = writeRawSafetensors(scratch, { header: `{"${'\\"'.repeat(10_000_000)}` });
  expect(() => readSafetensorsHeader(quotes)).toThrow(/the header is not JSON/);
});

it('100,000 tensors are read, and ten named when asked for one that is not there', () => {
  const header = readSafetensorsHeader(writeRawSafetensors(scratch, { header: headerOfMany(100_000) }));
  expect(header.tensors.size).toBe(100_000);
  expect(() => readTensor(header, 'b')).toThrow(/found\s+t0, t1, .*t9 and 99990 more$/);
});

it('a tensor is read across the chunk that bounds memory', () => {
  const path = join(scratch, 'large.safetensors');
  const count = (1 << 22) + 3;
  const data = new Float32Array(count).map((_, i) => i);
  writeSafetensors(path, [{ name: 'a', dtype: 'F32', shape: [count], data }]);
  const header = readSafetensorsHeader(path);
  const read = readFloat32At(path, requireTensor(header, 'a'), 1, count - 1);
  expect(Buffer.compare(Buffer.from(read.buffer), Buffer.from(data.buffer, 4))).toBe(0);
});
