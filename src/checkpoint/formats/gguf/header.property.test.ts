// Damaged GGUF files: whatever bytes stand where, a clear error or a model, never a crash and never a number out of another tensor.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { QwenPccError } from '../../../errors.ts';
import { loadTokenizer } from '../../../text/tokenizer.ts';
import { readTensorRows } from '../../checkpoint-tensor.ts';
import { parseModelConfig } from '../../config.ts';
import { ggufBytes, TINY_GGUF } from './gguf-file.fixture.ts';
import { readGgufHeader } from './header.ts';
import { openGguf } from './open-gguf.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-gguf-fuzz-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const whole = readFileSync(TINY_GGUF);
const first = [...readGgufHeader(TINY_GGUF).tensors.values()][0]!;
/** A small file of the same kinds of metadata. */
const small = ggufBytes({
  metadata: [
    ['general.architecture', 'qwen2'],
    ['a', 1],
    ['b', 0.5],
    ['c', ['x', 'yz']],
    ['d', Int32Array.of(1, 2)],
    ['e', true],
  ],
  tensors: [{ name: 'token_embd.weight', type: 0, shape: [4, 2], data: new Uint8Array(32) }],
});

/** @returns the code of the error, or undefined. */
function open(bytes: Uint8Array): string | undefined {
  const path = join(scratch, 'a.gguf');
  writeFileSync(path, bytes);
  try {
    const { config, generation, tensors, tokenizer } = openGguf(path);
    parseModelConfig(config, { path, generation });
    if (tokenizer !== undefined) loadTokenizer({ path, ...tokenizer }).encode('Call me <|im_end|>');
    for (const tensor of tensors.values()) readTensorRows(tensor, 0, 1);
    return undefined;
  } catch (error) {
    if (!(error instanceof QwenPccError)) throw error;
    return error.code;
  }
}

const CODES = /^(GGUF_HEADER|QUANTISED_UNSUPPORTED|CONFIG_[A-Z_]+|TOKENIZER_[A-Z_]+|CHECKPOINT_RANK)$/;

describe('damaged GGUF files', () => {
  it('are whole before they are damaged', () => {
    expect(open(whole)).toBeUndefined();
    expect(open(small)).toBe('GGUF_HEADER');
  });

  it.each([
    ['tiny-qwen2', whole, first.offsetBytes, 60],
    ['a small file', small, small.length, 1500],
  ] as const)('give a clear error or a model: %s', (_, bytes, end, numRuns) => {
    const damage = fc.array(fc.tuple(fc.nat(end - 1), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 9, 8)), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(damage, (changes) => {
        const damaged = Uint8Array.from(bytes);
        for (const [at, value] of changes) damaged[at] = value;
        expect(open(damaged) ?? 'GGUF_HEADER').toMatch(CODES);
      }),
      { numRuns, seed: 20_261_126 },
    );
  });

  it('give an error wherever they are cut', () => {
    for (let length = 0; length < small.length; length++) expect(open(small.subarray(0, length))).toMatch(CODES);
    fc.assert(
      fc.property(fc.nat(whole.length - 32), (length) => {
        expect(open(whole.subarray(0, length))).toMatch(CODES);
      }),
      { numRuns: 30, seed: 1 },
    );
  });
});
