// A checkpoint whose weights hold NaN or infinities: the reference names the tensors instead of handing on rows of NaN.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { plainTensor } from '../src/checkpoint/checkpoint.fixture.ts';
import { openCheckpoint } from '../src/checkpoint/weights.ts';
import { EXIT_CODES, InputError } from '../src/errors.ts';
import { fixturePath } from './golden-cases.fixture.ts';
import { createReference } from './onnx-reference.ts';

const FIXTURE = 'golden-hf/quirk-config-v5';
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-not-finite-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Puts one bfloat16 pattern into a tensor of a copy. */
function damaged(tensor: string, element: number, bits: number): string {
  const folder = mkdtempSync(join(scratch, 'checkpoint-'));
  copyFileSync(join(fixturePath(FIXTURE), 'config.json'), join(folder, 'config.json'));
  const bytes = readFileSync(join(fixturePath(FIXTURE), 'model.safetensors'));
  const { offsetBytes } = plainTensor(openCheckpoint(fixturePath(FIXTURE)), tensor);
  bytes.writeUInt16LE(bits, offsetBytes + 2 * element);
  writeFileSync(join(folder, 'model.safetensors'), bytes);
  return folder;
}

describe('the reference on weights that are no numbers', () => {
  it.each([
    { tensor: 'model.layers.1.self_attn.q_proj.weight', bits: 0x7fc0, value: 'NaN' },
    { tensor: 'model.norm.weight', bits: 0xff80, value: '-Infinity' },
    { tensor: 'lm_head.weight', bits: 0x7f80, value: 'Infinity' },
  ])('names $tensor with $value', async ({ tensor, bits, value }) => {
    const source = await createReference(openCheckpoint(damaged(tensor, 5, bits)), { precision: 'fp32' });
    try {
      const error = await source
        .feed(Int32Array.of(1, 2, 3), { rows: 'all' }, () => {})
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InputError);
      expect(error).toMatchObject({
        code: 'WEIGHTS_NOT_FINITE',
        exitCode: EXIT_CODES.usage,
        facts: { [tensor]: `${value} at element 5, 1 of them in all` },
      });
    } finally {
      await source.close();
    }
  });
});
