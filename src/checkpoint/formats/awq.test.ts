// AWQ against what AutoAWQ dequantises; other versions and contradictions are refused by name, broken tensors named.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { errorOf } from '../checkpoint.fixture.ts';
import { readWholeTensor } from '../checkpoint-tensor.ts';
import { readAwq } from './awq.ts';
import { digestOf, expectedDigests, storedWeights, writtenTensors } from './quantised-folder.fixture.ts';
import { checkpointOf, damagedPart, digestOfCase, digestOfOnly, vectorCases } from './quantised-vectors.fixture.ts';

const CASES = vectorCases('awq');
const [first] = CASES;
const symmetric = CASES.find(({ settings }) => settings['zero_point'] === false)!;
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-awq-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('readAwq', () => {
  it.each(CASES)('gives the values of AutoAWQ: $name', (vector) => {
    expect(digestOfCase(readAwq, 'awq', vector)).toBe(vector.sha256);
  });

  it('decodes layer 0 of the tiny checkpoint, and leaves its biases as they are stored', () => {
    const { tensors, encoding, notes } = readAwq(storedWeights('awq'));
    expect([encoding, notes]).toEqual(['AWQ, 4 bits, groups of 64', []]);
    const digests = Object.entries(expectedDigests('awq'));
    expect(tensors.size).toBe(digests.length);
    for (const [name, sha256] of digests) expect(digestOf(readWholeTensor(tensors.get(name)!)), name).toBe(sha256);
  });

  it.each([
    { name: 'nibbles of a word in the plain order', part: 'qweight', damage: (bytes: Buffer) => bytes.swap16() },
    {
      name: 'zero points one too high',
      part: 'qzeros',
      damage: (bytes: Buffer) => bytes.set(bytes.map((byte) => byte ^ 0x11)),
    },
    { name: 'scales of other groups', part: 'scales', damage: (bytes: Buffer) => bytes.reverse().swap16() },
  ])('sees $name', ({ part, damage }) => {
    const changed = damagedPart('awq', first!, { part, scratch, damage });
    expect(digestOfOnly(readAwq, changed)).not.toBe(first!.sha256);
  });

  it.each([
    { name: 'gemv', settings: { version: 'gemv' } },
    { name: 'gemv_fast', settings: { version: 'gemv_fast' } },
    { name: 'exllama', settings: { version: 'exllama' } },
    { name: 'marlin', settings: { version: 'marlin' } },
    { name: 'llm-awq as a backend', settings: { backend: 'llm-awq' } },
    { name: 'llm-awq as a format', settings: { format: 'llm-awq' } },
    { name: '8 bits', settings: { bits: 8 } },
    { name: 'a group of 0', settings: { group_size: 0 } },
    { name: 'a group that is no divisor', settings: { group_size: 36 } },
    { name: 'an unknown field', settings: { rotate: [1] } },
    { name: 'names that are none', settings: { modules_to_not_convert: [3] } },
    { name: 'a module that is said to be plain', settings: { modules_to_not_convert: ['awq-40x96'] } },
  ])('refuses $name', ({ settings }) => {
    const checkpoint = checkpointOf('awq', first!);
    const error = errorOf(() => readAwq({ ...checkpoint, settings: { ...first!.settings, ...settings } }));
    expect(error.code).toBe('QUANTISED_UNSUPPORTED');
    expect(error.message).toMatch(/found .*\n.*wanted|hint/s);
  });

  it('refuses zero points that zero_point says are not there, and takes those of the middle', () => {
    const words = (word: number): Uint32Array => new Uint32Array(2 * 5).fill(word);
    const withZeros = (word: number) => {
      const checkpoint = checkpointOf('awq', symmetric);
      const name = `${symmetric.name}.qzeros`;
      checkpoint.stored.set(name, writtenTensors(scratch, { [name]: ['I32', [2, 5], words(word)] }).get(name)!);
      return checkpoint;
    };
    expect(digestOfOnly(readAwq, withZeros(0x8888_8888))).toBe(symmetric.sha256);
    const error = errorOf(() => digestOfOnly(readAwq, withZeros(0x8888_8887)));
    expect([error.code, error.message]).toEqual(['QUANTISED_TENSOR', expect.stringContaining('0x88888887 at word 0')]);
  });

  it.each([
    { name: 'no number', value: 0x7e00, said: 'NaN' },
    { name: 'infinite', value: 0x7c00, said: 'Infinity' },
    { name: 'zero', value: 0x8000, said: '0' },
  ])('names a scale that is $name', ({ value, said }) => {
    const damage = (bytes: Buffer): number => bytes.writeUInt16LE(value, 2 * 17);
    const changed = damagedPart('awq', first!, { part: 'scales', scratch, damage });
    const error = errorOf(() => digestOfOnly(readAwq, changed));
    expect([error.code, error.message]).toEqual([
      'QUANTISED_TENSOR',
      expect.stringContaining(`a scale that is ${said}`),
    ]);
    expect(error.facts['found']).toBe('element 17');
  });

  it.each(['qzeros', 'scales'])('names a missing %s', (part) => {
    const checkpoint = checkpointOf('awq', first!);
    checkpoint.stored.delete(`${first!.name}.${part}`);
    const error = errorOf(() => readAwq(checkpoint));
    expect([error.code, error.message]).toEqual([
      'QUANTISED_TENSOR',
      expect.stringContaining(`${first!.name}.${part} is missing`),
    ]);
  });
});
