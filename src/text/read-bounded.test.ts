// A file that never ends is refused after its first bytes, not read until the memory is full.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPromptJson } from './prompt-json.ts';
import { readBounded } from './read-bounded.ts';
import { loadTokenizer } from './tokenizer.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-bounded-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('readBounded', () => {
  it('gives all bytes up to the limit, and nothing beyond it', () => {
    const file = join(scratch, 'file');
    writeFileSync(file, 'abc');
    expect(readBounded(file, 3)?.toString()).toBe('abc');
    expect(readBounded(file, 2)).toBeUndefined();
    expect(readBounded('/dev/null', 0)).toEqual(Buffer.alloc(0));
    expect(readBounded('/dev/zero', 2 ** 21)).toBeUndefined();
  });
});

it('a tokenizer.json that is a link to a device is refused by name', () => {
  for (const device of ['/dev/zero', '/dev/full', '.']) {
    const file = join(scratch, 'tokenizer.json');
    symlinkSync(device, file);
    expect(() => loadTokenizer(scratch)).toThrow(
      expect.objectContaining({ code: 'TOKENIZER_UNREADABLE', facts: { found: 'no regular file' } }),
    );
    rmSync(file);
  }
});

it('prompts may come from a device that ends', () => {
  expect(() => readPromptJson('/dev/null', 'a list')).toThrow(/\/dev\/null/);
});
