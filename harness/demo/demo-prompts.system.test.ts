// The demo's prompt files that are shipped, with the tokenizer of the real Qwen: as long as the original's.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { realQwenInstruct } from '../../src/text/real-qwen.fixture.ts';
import { encodeDemoPrompt, readDemoPrompts } from './demo-prompts.ts';

const PROMPTS = join(import.meta.dirname, '../../fixtures/prompts');

describe.each([
  { file: 'input_data_prefill_128.json', family: 'general' },
  { file: 'input_data_questions_prefill_128.json', family: 'instruct' },
] as const)('fixtures/prompts/$file', ({ file, family }) => {
  const prompts = readDemoPrompts(join(PROMPTS, file));

  it('has prompts of about 128 tokens, which fill the original prefill of 128 to 256', () => {
    const tokenizer = realQwenInstruct();
    expect(prompts.length).toBeGreaterThanOrEqual(4);
    for (const prompt of prompts) {
      const { length } = encodeDemoPrompt(prompt, family, tokenizer);
      expect(length).toBeGreaterThan(110);
      expect(length).toBeLessThan(180);
    }
  });
});
