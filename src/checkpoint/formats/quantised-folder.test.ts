// Whole folders in each quantised format: opened as a user names them, every value as its library gives it, the rest as in tiny-qwen2.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FIXTURES } from '../checkpoint.fixture.ts';
import { openCheckpoint } from '../weights.ts';
import { digestOf, expectedDigests, quantisedFolder } from './quantised-folder.fixture.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-quantised-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const tiny = openCheckpoint(join(FIXTURES, 'tiny-qwen2'));

describe.each([
  ['fp8-block', 'fp8 E4M3, blocks of 128 x 128, dynamic activations'],
  ['bnb-nf4', 'bitsandbytes nf4, blocks of 64, double quantisation'],
  ['bnb-fp4', 'bitsandbytes fp4, blocks of 128'],
  ['bnb-int8', 'bitsandbytes int8'],
  ['mlx-4bit', 'MLX affine, 4 bits, groups of 64; 1 of 8 matrices otherwise'],
])('%s', (name, encoding) => {
  const checkpoint = openCheckpoint(quantisedFolder(name, scratch));

  it('opens, and holds what the library and tiny-qwen2 hold', () => {
    const expected = expectedDigests(name);
    expect(checkpoint.encoding).toBe(encoding);
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...tiny.tensors.keys()].sort());
    for (const key of checkpoint.tensors.keys()) {
      const wanted = expected[key] ?? digestOf(tiny.readFloat32(key));
      expect([key, digestOf(checkpoint.readFloat32(key))]).toEqual([key, wanted]);
    }
  });

  it('is as near to the original as its bits allow: no order of codes or scales is wrong', () => {
    for (const key of Object.keys(expectedDigests(name))) {
      const [original, read] = [tiny.readFloat32(key), checkpoint.readFloat32(key)];
      let [error, power] = [0, 0];
      original.forEach((value, i) => {
        error += (value - read[i]!) ** 2;
        power += value ** 2;
      });
      expect([key, error / power]).toEqual([key, expect.toSatisfy((share: number) => share < 0.03)]);
    }
  });
});
