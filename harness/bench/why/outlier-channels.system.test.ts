// The outlier recipes of the fixtures leave the function as it is, bit by bit, and the noise ladder blames the formats for what a device then loses.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createReference } from '../../../reference/onnx-reference.ts';
import { readSafetensorsHeader, writeSafetensors } from '../../../src/checkpoint/safetensors.ts';
import type { Checkpoint } from '../../../src/checkpoint/weights.ts';
import { callCommand } from '../../cli/in-process.fixture.ts';
import { readRunRecord } from '../../record/json-schema.ts';
import { outlierRecipes, withOutliers } from './outlier-channels.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-outliers-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const { base, recipes } = await outlierRecipes();
const tokenIds = Int32Array.from({ length: 24 }, (_, i) => (i * 397) % base.config.vocabSize);

async function rowsOf(checkpoint: Checkpoint): Promise<Uint8Array> {
  const reference = await createReference(checkpoint, { precision: 'fp32', threads: 2 });
  const rows: Uint8Array[] = [];
  await reference.feed(
    tokenIds,
    { rows: 'all' },
    ({ logits }) => void rows.push(new Uint8Array(logits.slice().buffer)),
  );
  await reference.close();
  return Buffer.concat(rows);
}

/** The scaled checkpoint in a folder: a power of two keeps every bfloat16. */
function written(checkpoint: Checkpoint, folder: string): string {
  cpSync(base.folder, folder, { recursive: true });
  const file = path.join(folder, 'model.safetensors');
  const tensors = Array.from(readSafetensorsHeader(file).tensors, ([name, { dtype, shape }]) => {
    const bits = new Uint32Array(checkpoint.readFloat32(name).buffer);
    if (dtype !== 'BF16' || bits.some((value) => (value & 0xffff) !== 0)) throw new Error(`${name} is no bfloat16`);
    return { name, dtype, shape, data: Uint16Array.from(bits, (value) => value >>> 16) };
  });
  rmSync(file);
  writeSafetensors(file, tensors);
  return folder;
}

describe('outlier channels', () => {
  it('leave every logit of the reference as it is', async () => {
    const plain = await rowsOf(base);
    for (const recipe of recipes) {
      expect(Buffer.compare(await rowsOf(withOutliers(base, recipe)), plain), recipe.id).toBe(0);
    }
  });

  it.each([
    { channels: 'up and down', word: 'weights' },
    { channels: 'k and q', word: 'formats' },
  ])('of $channels are expected from the $word', async ({ channels, word }) => {
    const recipe = recipes.find(({ id }) => id.startsWith(channels))!;
    const folder = written(withOutliers(base, recipe), path.join(scratch, word));
    const out = path.join(scratch, `reports of ${word}`);
    const what = ['--weights', folder, '--prompt', 'treasury-digits', '--max-new-tokens', '0'];
    await callCommand(['validate', ...what, '--ladder', '--out', out]);
    const { ladder } = readRunRecord(path.join(out, 'last')).cases[0]!.variants[0]!;
    expect(ladder!.word).toBe(word);
    // Without them it is 0.001 nat: the outliers are what is explained.
    expect(ladder!.steps.at(-1)!.typicalKlNats).toBeGreaterThan(0.005);
  });
});
