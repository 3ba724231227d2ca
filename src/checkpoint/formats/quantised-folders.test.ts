// Whole quantised checkpoints through openCheckpoint: every tensor of the model as the format's library has it, or as it is stored plain.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FIXTURES } from '../checkpoint.fixture.ts';
import { openCheckpoint } from '../weights.ts';
import { digestOf, expectedDigests, quantisedFolder } from './quantised-folder.fixture.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-quantised-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const plain = openCheckpoint(join(FIXTURES, 'tiny-qwen2'));

describe('openCheckpoint', () => {
  it.each(['gptq', 'gptq-v2', 'awq', 'compressed-tensors-pack', 'compressed-tensors-w8a8'])(
    'reads a folder of %s',
    (name) => {
      const checkpoint = openCheckpoint(quantisedFolder(name, scratch));
      const expected = expectedDigests(name);
      expect([...checkpoint.tensors.keys()].sort()).toEqual([...plain.tensors.keys()].sort());
      for (const tensor of checkpoint.tensors.keys()) {
        const wanted = expected[tensor] ?? digestOf(plain.readFloat32(tensor));
        expect(digestOf(checkpoint.readFloat32(tensor)), tensor).toBe(wanted);
      }
    },
  );
});
