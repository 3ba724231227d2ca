// GPTQ against what GPTQModel dequantises: every width, both layouts, reordered columns, cuts; and what is broken is named.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { errorOf } from '../checkpoint.fixture.ts';
import { readWholeTensor } from '../checkpoint-tensor.ts';
import { readGptq } from './gptq.ts';
import { digestOf, expectedDigests, storedWeights, writtenTensors } from './quantised-folder.fixture.ts';
import {
  checkpointOf,
  damagedPart,
  digestOfCase,
  digestOfOnly,
  type VectorCase,
  vectorCases,
} from './quantised-vectors.fixture.ts';

const CASES = vectorCases('gptq');
const caseOf = (name: string): VectorCase => CASES.find((one) => one.name === name)!;
const REORDERED = caseOf('gptq-4-48x96-32');
const THREE_BITS = caseOf('gptq-3-96x96-32');
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-gptq-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('readGptq', () => {
  it.each(CASES)('gives the values of GPTQModel: $name', (vector) => {
    expect(digestOfCase(readGptq, 'gptq', vector)).toBe(vector.sha256);
  });

  it.each([
    { name: 'gptq', encoding: 'GPTQ, 2, 3, 4, 8 bits, groups of 16, groups of 32, desc_act' },
    { name: 'gptq-v2', encoding: 'GPTQ, v2, 4 bits, a scale a row' },
  ])('decodes layers of the tiny checkpoint, biases of zeros dropped: $name', ({ name, encoding }) => {
    const read = readGptq(storedWeights(name));
    expect(read).toMatchObject({ encoding, notes: [] });
    const digests = Object.entries(expectedDigests(name));
    expect([...read.tensors.keys()].sort()).toEqual(digests.map(([tensor]) => tensor).sort());
    for (const [tensor, sha256] of digests) {
      expect(digestOf(readWholeTensor(read.tensors.get(tensor)!)), tensor).toBe(sha256);
    }
  });

  it.each([
    {
      name: 'the other layout, whose zero points are one less',
      settings: { checkpoint_format: 'gptq_v2' },
      vector: REORDERED,
    },
    { name: 'the other layout with 3 bits', settings: { checkpoint_format: 'gptq_v2' }, vector: THREE_BITS },
  ])('sees $name', ({ settings, vector }) => {
    const checkpoint = checkpointOf('gptq', vector);
    const changed = { ...checkpoint, settings: { ...vector.settings, ...settings } };
    expect(digestOfOnly(readGptq, changed)).not.toBe(vector.sha256);
  });

  it.each([
    { name: 'codes of other channels', part: 'qweight' },
    { name: 'zero points of other channels', part: 'qzeros' },
    { name: 'another order of columns', part: 'g_idx' },
  ])('sees $name', ({ part }) => {
    // Whole words in reverse.
    const damage = (bytes: Buffer): Buffer => bytes.reverse().swap32();
    expect(digestOfOnly(readGptq, damagedPart('gptq', REORDERED, { part, scratch, damage }))).not.toBe(
      REORDERED.sha256,
    );
  });

  it('sees columns whose order is lost', () => {
    const checkpoint = checkpointOf('gptq', REORDERED);
    checkpoint.stored.delete(`${REORDERED.name}.g_idx`);
    const error = errorOf(() => readGptq(checkpoint));
    expect([error.code, error.message]).toEqual(['QUANTISED_TENSOR', expect.stringContaining('has no g_idx')]);
    const plain = { ...checkpoint, settings: { ...REORDERED.settings, desc_act: false } };
    expect(digestOfOnly(readGptq, plain)).not.toBe(REORDERED.sha256);
  });

  it.each([
    { name: 'the planar layout', settings: { checkpoint_format: 'gptq_p' }, said: 'gptq_p' },
    { name: '5 bits', settings: { bits: 5 }, said: '2, 3, 4, 8' },
    { name: 'layouts that contradict', settings: { format: 'gptq_v2' }, said: 'differ' },
    { name: 'Marlin', settings: { checkpoint_format: 'marlin' }, said: 'marlin' },
    { name: 'Marlin by its own field', settings: { is_marlin_format: true }, said: 'Marlin' },
    { name: 'words of 64 bits', settings: { pack_dtype: 'int64' }, said: 'pack_dtype' },
    { name: 'rotation', settings: { rotation: 'hadamard' }, said: 'rotation' },
    { name: 'an unknown field', settings: { outliers: 1 }, said: 'quantization_config.outliers is not known' },
    { name: 'groups of 0', settings: { group_size: 0 }, said: 'group_size' },
    { name: 'a rule that is none', settings: { dynamic: { 'a.*': 3 } }, said: 'dynamic["a.*"]' },
    { name: 'an unknown field of a rule', settings: { dynamic: { '.*': { rank: 3 } } }, said: 'rank is not known' },
    {
      name: 'codes of what a rule leaves plain',
      settings: { dynamic: { '-:gptq-4': {} } },
      said: 'is left plain by dynamic',
    },
    { name: 'a pattern that is none', settings: { dynamic: { '-:(': {} } }, said: 'pattern' },
  ])('refuses $name', ({ settings, said }) => {
    const checkpoint = checkpointOf('gptq', REORDERED);
    const error = errorOf(() => readGptq({ ...checkpoint, settings: { ...REORDERED.settings, ...settings } }));
    expect([error.code, error.message]).toEqual(['QUANTISED_UNSUPPORTED', expect.stringContaining(said)]);
  });

  it.each([
    { name: 'the bits of another module', settings: { dynamic: { 'gptq-4': { bits: 8 } } }, said: 'I32 [24, 48]' },
    { name: 'other groups', settings: { group_size: 64 }, said: 'I32 [2, 6]' },
  ])('names shapes that do not fit $name', ({ settings, said }) => {
    const checkpoint = checkpointOf('gptq', REORDERED);
    const error = errorOf(() => readGptq({ ...checkpoint, settings: { ...REORDERED.settings, ...settings } }));
    expect([error.code, error.facts['wanted']]).toEqual(['QUANTISED_TENSOR', said]);
  });

  it.each([
    { name: 'a group that does not exist', part: 'g_idx', at: 4 * 7, bytes: [3, 0, 0, 0], said: '3 at column 7' },
    { name: 'a group below 0', part: 'g_idx', at: 4 * 7, bytes: [0xff, 0xff, 0xff, 0xff], said: '-1 at column 7' },
    { name: 'a scale that is no number', part: 'scales', at: 2 * 5, bytes: [0, 0x7e], said: 'element 5' },
    { name: 'a scale of zero', part: 'scales', at: 2 * 5, bytes: [0, 0], said: 'element 5' },
    { name: 'an infinite scale', part: 'scales', at: 2 * 5, bytes: [0, 0xfc], said: 'element 5' },
  ])('names $name', ({ part, at, bytes, said }) => {
    const damage = (stored: Buffer): void => void stored.set(bytes, at);
    const changed = damagedPart('gptq', REORDERED, { part, scratch, damage });
    const error = errorOf(() => digestOfOnly(readGptq, changed));
    expect([error.code, error.facts['found']]).toEqual(['QUANTISED_TENSOR', said]);
  });

  it('refuses a bias that the model does not have and that is not zero', () => {
    const checkpoint = checkpointOf('gptq', REORDERED);
    const name = `${REORDERED.name}.bias`;
    const bias = (value: number) =>
      writtenTensors(scratch, { [name]: ['F32', [48], new Float32Array(48).fill(value)] });
    checkpoint.stored.set(name, bias(0).get(name)!);
    expect([...readGptq(checkpoint).tensors.keys()]).toEqual([`${REORDERED.name}.weight`]);
    checkpoint.stored.set(name, bias(0.5).get(name)!);
    expect(errorOf(() => readGptq(checkpoint)).message).toContain('is not zero');
  });

  it('refuses a matrix that is stored plain too', () => {
    const checkpoint = checkpointOf('gptq', REORDERED);
    const name = `${REORDERED.name}.weight`;
    const plain = writtenTensors(scratch, { [name]: ['BF16', [48, 96], new Uint16Array(48 * 96)] });
    checkpoint.stored.set(name, plain.get(name)!);
    expect(errorOf(() => readGptq(checkpoint)).message).toContain('is stored twice');
  });
});
