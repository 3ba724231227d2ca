// Laws of damaged quantised checkpoints: whatever bytes, shapes and settings they have, their readers give numbers or a clear error.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../../errors.ts';
import { readTensorRows } from '../checkpoint-tensor.ts';
import { readAwq } from './awq.ts';
import { readCompressedTensors } from './compressed-tensors/compressed-tensors.ts';
import type { FormatReader, StoredWeights } from './format.ts';
import { readGptq } from './gptq.ts';
import { checkpointOf, damagedPart, vectorCases } from './quantised-vectors.fixture.ts';

const SEED = 20_261_126;
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-quantised-law-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const FORMATS: readonly { readonly folder: string; readonly read: FormatReader }[] = [
  { folder: 'gptq', read: readGptq },
  { folder: 'awq', read: readAwq },
  { folder: 'compressed-tensors', read: readCompressedTensors },
];

/** 'numbers' if every value is finite; fails on anything but an InputError of ours. */
function outcome(read: FormatReader, checkpoint: StoredWeights): 'numbers' | 'refused' {
  try {
    for (const tensor of read(checkpoint).tensors.values()) {
      if (tensor.kind === 'plain') continue;
      expect(readTensorRows(tensor, 0, tensor.shape[0]!).every(Number.isFinite)).toBe(true);
    }
    return 'numbers';
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).code).toMatch(/^QUANTISED_/);
    expect((error as InputError).facts['found']).toBeDefined();
    return 'refused';
  }
}

const anything = fc.oneof(
  fc.constantFrom(-1, 0, 1, 3, 2 ** 31, 1e300, Number.NaN, true, false, null, '', 'x', [], {}, [1], { a: 1 }),
  fc.integer(),
  fc.string(),
);

describe.each(FORMATS)('$folder', ({ folder, read }) => {
  const cases = vectorCases(folder);
  const vector = fc.constantFrom(...cases);

  it('with some bytes of any part changed gives numbers or names what is broken', () => {
    const found = { numbers: 0, refused: 0 };
    // Exponents of all ones, zeros and signs more often than by chance.
    const byte = fc.oneof(fc.constantFrom(0, 0x7c, 0x7f, 0x80, 0xfc, 0xff), fc.nat(255));
    const change = fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), byte });
    fc.assert(
      fc.property(vector, fc.nat(9), fc.array(change, { minLength: 1, maxLength: 30 }), (one, which, changes) => {
        const parts = [...checkpointOf(folder, one).stored.keys()].map((name) => name.slice(one.name.length + 1));
        const damage = (bytes: Buffer): void => {
          for (const { at, byte } of changes) bytes[Math.floor(at * bytes.length)] = byte;
        };
        const part = parts[which % parts.length]!;
        found[outcome(read, damagedPart(folder, one, { part, scratch, damage }))] += 1;
      }),
      { seed: SEED, numRuns: 150 },
    );
    expect(Math.min(found.numbers, found.refused)).toBeGreaterThan(0);
  });

  it('with any shape, dtype or part missing is read or refused', () => {
    const shape = fc.array(fc.constantFrom(0, 1, 2, 3, 12, 32, 40, 96, 2 ** 31), { maxLength: 3 });
    const dtype = fc.constantFrom('I32', 'I64', 'I8', 'U8', 'F16', 'BF16', 'F32', 'F8_E4M3', 'F8_E5M2', 'BOOL');
    fc.assert(
      fc.property(vector, fc.nat(9), fc.option(fc.record({ shape, dtype })), (one, which, other) => {
        const checkpoint = checkpointOf(folder, one);
        const names = [...checkpoint.stored.keys()];
        const name = names[which % names.length]!;
        if (other === null) checkpoint.stored.delete(name);
        // The entry only: a header lies within its file, which safetensors-header.ts sees to.
        else checkpoint.stored.set(name, { ...checkpoint.stored.get(name)!, ...(other as object) });
        outcome(read, checkpoint);
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it('with any setting changed or added is read or refused', () => {
    const keys = [...new Set(cases.flatMap(({ settings }) => Object.keys(settings)))];
    const key = fc.oneof(
      fc.constantFrom(...keys, 'dynamic', 'ignore', 'modules_to_not_convert', 'format'),
      fc.string(),
    );
    fc.assert(
      fc.property(vector, key, anything, (one, changed, value) => {
        const checkpoint = checkpointOf(folder, one);
        outcome(read, { ...checkpoint, settings: { ...one.settings, [changed]: value } });
      }),
      { seed: SEED, numRuns: 200 },
    );
  });
});
