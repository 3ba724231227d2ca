// The tokenizer of the real Qwen: ids and text as Hugging Face's own library gives them, and the length that shipped prompts have in it.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodePrompt } from './encode-prompt.ts';
import { CODE_TEXT, readGoldenTexts } from './golden-texts.fixture.ts';
import { readPrompts } from './prompts.ts';
import { realQwenInstruct, realQwenTokenizer } from './real-qwen.fixture.ts';

const PROMPTS = join(import.meta.dirname, '../../fixtures/prompts');

/** "About 128 tokens", the length at which the original demo compares. */
const PROMPT_TOKENS = { min: 110, max: 150 };

describe('tokenizer of the real Qwen', () => {
  const tokenizer = realQwenTokenizer();

  it.each(readGoldenTexts('tokenizer-qwen.json'))('encodes and decodes $text', ({ text, ids, decoded }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
  });

  it('gives single tokens whose texts, put together, are the text where no character is split', () => {
    const texts = tokenizer.encode(CODE_TEXT).map((id) => tokenizer.tokenText(id));
    expect(texts.join('')).toBe(CODE_TEXT);
  });
});

describe.each(['general', 'instruct'])('fixtures/prompts/%s.json', (kind) => {
  const path = join(PROMPTS, `${kind}.json`);
  const lengths = readPrompts(path).map((entry) => ({
    name: entry.name,
    tokens: encodePrompt(entry, { tokenizer: realQwenInstruct(), vocabSize: 151_936, path }).promptIds.length,
  }));

  it.each(lengths)('$name has $tokens tokens', ({ tokens }) => {
    expect(tokens).toBeGreaterThanOrEqual(PROMPT_TOKENS.min);
    expect(tokens).toBeLessThanOrEqual(PROMPT_TOKENS.max);
  });
});
