// Packing from files: parts of several tensors are one matrix, whatever their dtype, and what cannot be read is named.
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlainTensor } from '../../../checkpoint/checkpoint-tensor.ts';
import { readSafetensorsHeader, requireTensor, writeSafetensors } from '../../../checkpoint/safetensors.ts';
import { InputError } from '../../../errors.ts';
import { bf16PatternsFromValues } from '../../../numerics/bf16.ts';
import { packTransposedWeights } from '../../wormhole/host-packing.ts';
import { createWeightPacker, type WeightPacker } from './weight-packer.ts';
import type { WeightPart, WeightRecipe } from './weight-units.ts';

/** So long that a stripe is 32 rows; the parts end inside a tile. */
const K = 131_080;
const PART_ROWS = [20, 3, 22] as const;
const FIRST_ROW = 5;

/** Values that BF16 holds exactly. */
const VALUES = new Float32Array(24 * K);
for (let i = 0; i < VALUES.length; i++) VALUES[i] = ((i * 37) % 251) - 125;
const valuesOf = (part: number): Float32Array => VALUES.subarray(part, part + PART_ROWS[part]! * K);

let folder: string;
let packer: WeightPacker;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'qwen-pcc-packer-'));
  packer = await createWeightPacker();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** All rows of three tensors, the last without its first rows; one file each. */
function writeParts(name: string, dtypes: readonly ('BF16' | 'F32')[]): WeightRecipe {
  const parts = PART_ROWS.map((rows, part): WeightPart => {
    const file = join(folder, `${name}-${part}.safetensors`);
    const dtype = dtypes[part]!;
    const values = valuesOf(part);
    const data = dtype === 'F32' ? values : bf16PatternsFromValues(values);
    writeSafetensors(file, [{ name: 'weight', dtype, shape: [rows, K], data }]);
    const firstRow = part === 2 ? FIRST_ROW : 0;
    const tensor = { kind: 'plain', ...requireTensor(readSafetensorsHeader(file), 'weight'), file } as const;
    return { name: `part ${part}`, tensor, firstRow, rows: rows - firstRow };
  });
  const n = parts.reduce((sum, { rows }) => sum + rows, 0);
  return { baseName: name, format: 'BFP8_B', rounding: 'halfUp', k: K, n, parts };
}

describe('weight packer', () => {
  it.each([
    { name: 'BF16', dtypes: ['BF16', 'BF16', 'BF16'] },
    { name: 'mixed', dtypes: ['BF16', 'F32', 'BF16'] },
  ] as const)('packs parts of three files as one matrix, $name, two at once', async ({ name, dtypes }) => {
    const recipe = writeParts(name, dtypes);
    const whole = new Float32Array(recipe.n * K);
    whole.set(valuesOf(0));
    whole.set(valuesOf(1), PART_ROWS[0] * K);
    whole.set(valuesOf(2).subarray(FIRST_ROW * K), (PART_ROWS[0] + PART_ROWS[1]) * K);
    const golden = packTransposedWeights(whole, recipe.n, K, recipe).tiles;
    const packed = await Promise.all(
      [recipe, recipe].map((each) => packer.pack(each, ({ tiles }) => Buffer.compare(tiles, golden))),
    );
    expect(packed).toEqual([0, 0]);
  });

  it.each([
    { name: 'NaN in a BF16 part', dtype: 'BF16', value: Number.NaN, format: 'BFP8_B', shown: /^NaN at/ },
    { name: 'NaN in an F32 part', dtype: 'F32', value: Number.NaN, format: 'BFP4_B', shown: /^NaN at/ },
    {
      name: 'a value that BF16 rounds to infinity',
      dtype: 'F32',
      value: -3.4e38,
      format: 'BF16',
      shown: /^-3\.39.*e\+38, in bfloat16 -Infinity, at/,
    },
  ] as const)('hands out nothing with $name, and says where it is', async ({ dtype, value, format, shown }) => {
    const recipe = { ...writeParts('not-finite', ['BF16', 'BF16', dtype]), format };
    const { file, offsetBytes } = recipe.parts[2]!.tensor as PlainTensor;
    const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
    const bytes = dtype === 'F32' ? Uint32Array.of(bits) : Uint16Array.of(bits >>> 16);
    const handle = openSync(file, 'r+');
    // One value before the first row of the part does not count, one in its last row does.
    for (const row of [FIRST_ROW - 1, 21])
      writeSync(handle, bytes, 0, undefined, offsetBytes + (row * K + 9) * bytes.byteLength);
    closeSync(handle);
    const use = (): void => expect.fail('a matrix that is not finite was handed out');
    await expect(packer.pack(recipe, use)).rejects.toMatchObject({
      code: 'WEIGHTS_NOT_FINITE',
      message: expect.stringContaining('"part 2"'),
      facts: { found: `1 of ${17 * K} values of rows 5 to 21`, first: expect.stringMatching(shown) },
    });
    await expect(packer.pack(recipe, use)).rejects.toThrow(/at \[21, 9\]/);
  });

  it('names the file that ends early or is gone', async () => {
    const recipe = writeParts('damaged', ['BF16', 'BF16', 'BF16']);
    const { file, offsetBytes } = recipe.parts[2]!.tensor as PlainTensor;
    truncateSync(file, offsetBytes + 40 * K);
    const use = (): void => expect.fail('a matrix with missing rows was handed out');
    await expect(packer.pack(recipe, use)).rejects.toThrow(/damaged-2\.safetensors.*ends early/s);
    rmSync(file);
    await expect(packer.pack(recipe, use)).rejects.toThrow(InputError);
    await expect(packer.pack(recipe, use)).rejects.toThrow(/damaged-2\.safetensors.*no such file/s);
  });
});
