// Prompt files of the original demo: a JSON array of { "prompt": … }, raw text for general weights, a question for instruct ones.
// Source: n150-numerics F.1.
import { z } from 'zod';
import { InputError } from '../../src/errors.ts';
import { readPromptJson } from '../../src/text/prompt-json.ts';
import type { Tokenizer } from '../../src/text/tokenizer.ts';
import type { WeightsFamily } from '../sources/plan.ts';

const FORM = '[{ "prompt": "…" }, …]';
const SYSTEM_MESSAGE = 'You are a helpful assistant.';

const schema = z.array(z.strictObject({ prompt: z.string().min(1) })).min(1);

/** @throws InputError `PROMPTS_UNREADABLE` or `PROMPTS_MALFORMED`. */
export function readDemoPrompts(path: string): readonly string[] {
  const result = schema.safeParse(readPromptJson(path, FORM));
  if (result.success) return result.data.map(({ prompt }) => prompt);
  const [issue] = result.error.issues;
  const hasContext = issue?.code === 'unrecognized_keys' && issue.keys.includes('context');
  throw new InputError(`${path}: this is no prompt file of the demo.`, {
    code: 'PROMPTS_MALFORMED',
    facts: {
      found: issue === undefined ? 'something else' : [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
      wanted: FORM,
    },
    hint: hasContext
      ? 'contexts are not downloaded: put the text in front of the prompt.'
      : 'an entry has a prompt and nothing else; names, messages and ids are for `qwen-pcc validate --prompts`.',
  });
}

/**
 * Token ids [P] of a prompt: as it stands for general weights, by the chat template for instruct ones.
 *
 * @throws InputError `CHAT_TEMPLATE_MISSING` for instruct weights without one.
 */
export function encodeDemoPrompt(prompt: string, family: WeightsFamily, tokenizer: Tokenizer): Int32Array {
  const messages = [
    { role: 'system', content: SYSTEM_MESSAGE },
    { role: 'user', content: prompt },
  ];
  if (family === 'general') return Int32Array.from(tokenizer.encodeWithSpecialTokens(prompt));
  return Int32Array.from(tokenizer.encode(tokenizer.renderChat(messages)));
}
