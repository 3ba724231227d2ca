// The demo's prompt files: how a prompt is encoded for general and for instruct weights, and what is refused, with the reason.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { encodeDemoPrompt, readDemoPrompts } from './demo-prompts.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');
const tiny = loadTokenizer(join(FIXTURES, 'tiny-qwen2-instruct'));

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-demo-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('encodeDemoPrompt', () => {
  it('takes the text as it stands for general weights', () => {
    expect([...encodeDemoPrompt('It is so.', 'general', tiny)]).toEqual(tiny.encode('It is so.'));
  });

  it("writes the template's system, user and opened assistant turn for instruct weights", () => {
    expect(tiny.decode(encodeDemoPrompt('Who are you?', 'instruct', tiny))).toBe(
      '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n',
    );
  });
});

describe('readDemoPrompts', () => {
  const path = join(scratch, 'prompts.json');

  it.each([
    { what: 'no array', json: { prompt: 'a' }, says: /expected array/ },
    { what: 'an empty array', json: [], says: /expected array to have >=1 items/ },
    { what: 'an empty prompt', json: [{ prompt: '' }], says: /0\.prompt[\s\S]*expected string to have >=1/ },
    { what: 'a named prompt', json: [{ name: 'a', text: 'b' }], says: /0\.prompt[\s\S]*qwen-pcc validate --prompts/ },
    { what: 'a context', json: [{ prompt: 'a', context: 'https://x' }], says: /"context"[\s\S]*not downloaded/ },
  ])('refuses $what', ({ json, says }) => {
    writeFileSync(path, JSON.stringify(json));
    expect(() => readDemoPrompts(path)).toThrow(says);
  });

  it('names a file that is no JSON', () => {
    expect(() => readDemoPrompts(join(FIXTURES, 'README.md'))).toThrow(/README\.md: the prompt file cannot be read/);
  });
});
