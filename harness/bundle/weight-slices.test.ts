// Sliced weights put back are the checkpoint's, bit by bit, but for embedding rows of tokens that the context has not.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensor } from '../../src/checkpoint/safetensors.ts';
import { EMBED_TOKENS } from '../../src/checkpoint/tensor-names.ts';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { embeddingSlice, fitsFile, putBack, slicedFile } from './weight-slices.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-slices-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const fixture = (name: string): string => path.resolve('fixtures', name);

it('keeps every tensor and the rows of the context', () => {
  const checkpoint = openCheckpoint(fixture('tiny-qwen2'));
  const slice = embeddingSlice(checkpoint, [7, 3, 2047, 3])!;
  expect(slice).toEqual({ file: 'model.safetensors', tensor: EMBED_TOKENS, rows: [3, 7, 2047], of: 2048 });
  const original = path.join(checkpoint.folder, slice.file);
  const { lengthBytes, pieces } = slicedFile(original, slice);
  const file = path.join(scratch, slice.file);
  writeFileSync(file, Buffer.concat([...pieces()]));
  expect(statSync(file).size).toBe(lengthBytes);
  expect(fitsFile(file, slice)).toBe(true);
  putBack(file, slice);

  const [before, after] = [readSafetensorsHeader(original), readSafetensorsHeader(file)];
  expect([...after.tensors.keys()].sort()).toEqual([...before.tensors.keys()].sort());
  for (const name of before.tensors.keys()) {
    const [stored, back] = [readTensor(before, name), readTensor(after, name)];
    expect(back.entry).toMatchObject({ dtype: stored.entry.dtype, shape: stored.entry.shape });
    if (name !== EMBED_TOKENS) {
      expect(Buffer.compare(stored.bytes, back.bytes), name).toBe(0);
      continue;
    }
    const bytes = stored.bytes.length / slice.of;
    for (let row = 0; row < slice.of; row++) {
      const [own, found] = [stored, back].map((tensor) => tensor.bytes.subarray(row * bytes, (row + 1) * bytes));
      const wanted = slice.rows.includes(row) ? own! : new Uint8Array(bytes);
      expect(Buffer.compare(wanted, found!), `row ${row}`).toBe(0);
    }
  }
});

it('takes an embedding whole that makes the logits too', () => {
  expect(embeddingSlice(openCheckpoint(fixture('golden-hf/quirk-tied-f16')), [1])).toBeUndefined();
});

it.each([
  ['fewer rows than there are', { rows: [3, 7] }],
  ['rows out of order', { rows: [7, 3, 2047] }],
  ['a row beyond the tensor', { of: 2047 }],
  ['another tensor', { tensor: 'lm_head.weight' }],
])('knows a slice of %s for another file’s', (_what, forged) => {
  const checkpoint = openCheckpoint(fixture('tiny-qwen2'));
  const slice = embeddingSlice(checkpoint, [3, 7, 2047])!;
  const file = path.join(scratch, 'forged.safetensors');
  writeFileSync(file, Buffer.concat([...slicedFile(path.join(checkpoint.folder, slice.file), slice).pieces()]));
  expect(fitsFile(file, { ...slice, ...forged })).toBe(false);
});
