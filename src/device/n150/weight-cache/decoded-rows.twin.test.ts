// Decoded weights on their way to the N150: the tiles of the same weights from a file, however the parts are stored.
import { beforeAll, describe, expect, it } from 'vitest';
import { decodedCopy } from '../../../checkpoint/decoded-copy.fixture.ts';
import { openCheckpoint } from '../../../checkpoint/weights.ts';
import { fixturePath } from '../graph.fixture.ts';
import { DEFAULT_N150_CONFIG } from '../recipes.ts';
import { createWeightPacker, type WeightPacker } from './weight-packer.ts';
import { weightUnits } from './weight-units.ts';

let packer: WeightPacker;
beforeAll(async () => {
  packer = await createWeightPacker();
});

describe('packed weights of a decoder', () => {
  it.each([
    { name: 'tiny-qwen2', which: 'all', isDecoded: () => true },
    {
      name: 'tiny-qwen2',
      which: 'k_proj alone, between plain q_proj and v_proj',
      isDecoded: (n: string) => n.includes('k_proj'),
    },
  ])('are those of the plain file, $name, $which', async ({ name, isDecoded }) => {
    const plain = openCheckpoint(fixturePath(name));
    const unitsOf = [plain, decodedCopy(plain, isDecoded)].map((each) => weightUnits(each, DEFAULT_N150_CONFIG).flat());
    const [fromFile, decoded] = unitsOf;
    for (const [i, recipe] of fromFile!.entries()) {
      const tiles = await packer.pack(recipe, (matrix) => matrix.tiles.slice());
      const same = await packer.pack(decoded![i]!, (matrix) => Buffer.compare(matrix.tiles, tiles));
      expect(same).toBe(0);
    }
  });
});
