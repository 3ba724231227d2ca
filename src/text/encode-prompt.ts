// Prompts to the token ids that are fed: text with what the tokenizer adds, chats by the template, ids as they are.
import { InputError } from '../errors.ts';
import type { PromptEntry } from './prompts.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface EncodedPrompt {
  readonly name: string;
  readonly promptIds: readonly number[];
  /** Token ids to force after the prompt; absent: the reference's greedy continuation. */
  readonly continuationIds?: readonly number[];
}

export interface EncodeContext {
  /** Absent for a checkpoint without tokenizer.json: prompts must then be ids. */
  readonly tokenizer: Tokenizer | undefined;
  /** V of the checkpoint. */
  readonly vocabSize: number;
  /** Names the prompt file in errors. */
  readonly path: string;
  /** Names the case in errors. */
  readonly caseName?: string;
  /** YYYY-MM-DD for templates that write the date. */
  readonly templateDate?: string | undefined;
}

/**
 * Turns a prompt into token ids. A continuation is encoded by itself, so that the prompt's ids do not depend on it.
 *
 * @throws InputError for an empty prompt, ids outside the vocabulary, text without a tokenizer, or a chat that the template refuses.
 */
export function encodePrompt(entry: PromptEntry, context: EncodeContext): EncodedPrompt {
  const { name, continuation } = entry;
  const promptIds = entry.ids ?? encodeText(entry, context);
  if (promptIds.length === 0) throw emptyPrompt(entry, context);
  requireKnownIds(promptIds, name, context);
  if (continuation === undefined) return { name, promptIds };
  const continuationIds =
    typeof continuation === 'string' ? requireTokenizer(name, context).encode(continuation) : continuation;
  requireKnownIds(continuationIds, name, context);
  return { name, promptIds, continuationIds };
}

/**
 * What a report should say of a tokenizer that knows more tokens than the checkpoint has rows; a prompt that uses one is refused.
 *
 * @param vocabSize - V of the checkpoint; larger than the tokenizer's is normal (padding rows).
 */
export function vocabularyNote({ vocabSize: tokens }: Tokenizer, vocabSize: number): string | undefined {
  if (tokens <= vocabSize) return undefined;
  return `the tokenizer has ids up to ${tokens - 1}, the checkpoint rows up to ${vocabSize - 1}; a prompt that uses one of those beyond is refused`;
}

function encodeText(entry: PromptEntry, context: EncodeContext): number[] {
  const { name, text, messages = [], tools, documents } = entry;
  const tokenizer = requireTokenizer(name, context);
  return named(name, context, () => {
    if (text !== undefined) return tokenizer.encodeWithSpecialTokens(text);
    const { templateDate } = context;
    const options = {
      ...(tools === undefined ? {} : { tools }),
      ...(documents === undefined ? {} : { documents }),
      templateDate,
    };
    return tokenizer.encode(tokenizer.renderChat(messages, options));
  });
}

/** Tokenizer and template name their own file; whose prompt it was is added here. */
function named<T>(name: string, context: EncodeContext, encode: () => T): T {
  try {
    return encode();
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    const { code, facts, hint } = cause;
    throw new InputError(cause.message.split('\n')[0]!, {
      code,
      facts: { ...facts, ...whose(name, context) },
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }
}

function whose(name: string, { path, caseName }: EncodeContext): Readonly<Record<string, string>> {
  return { prompt: `"${name}" of ${path}`, ...(caseName === undefined ? {} : { case: caseName }) };
}

function requireTokenizer(name: string, context: EncodeContext): Tokenizer {
  const { tokenizer, path, caseName } = context;
  if (tokenizer !== undefined) return tokenizer;
  throw new InputError(`${path}: prompt "${name}" is text, but the checkpoint has no tokenizer.json.`, {
    code: 'PROMPT_NEEDS_TOKENIZER',
    ...(caseName === undefined ? {} : { facts: { case: caseName } }),
    hint: 'give the prompt as ids, or put tokenizer.json into the checkpoint folder',
  });
}

function requireKnownIds(ids: readonly number[], name: string, context: EncodeContext): void {
  const { vocabSize, path, caseName, tokenizer } = context;
  const index = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize));
  if (index === -1) return;
  const id = ids[index]!;
  const token = tokenizer !== undefined && id < tokenizer.vocabSize ? ` (${tokenizer.tokenText(id)})` : '';
  throw new InputError(`${path}: prompt "${name}" has a token id outside the vocabulary of the checkpoint.`, {
    code: 'PROMPT_VOCABULARY',
    facts: {
      found: `id ${id}${token} at index ${index}`,
      wanted: `0 … ${vocabSize - 1}`,
      ...(caseName === undefined ? {} : { case: caseName }),
    },
    hint:
      token === ''
        ? 'take the ids from the tokenizer of this checkpoint, or give the one that they were made for with --weights'
        : 'take the token out of the prompt, or a checkpoint whose embedding has a row for it',
  });
}

function emptyPrompt({ name, text, messages }: PromptEntry, { path, caseName }: EncodeContext): InputError {
  const found =
    text === ''
      ? 'an empty text'
      : messages === undefined
        ? 'a text without tokens'
        : 'a chat that the template writes as nothing';
  return new InputError(`${path}: prompt "${name}" is empty.`, {
    code: 'PROMPT_EMPTY',
    facts: { found, wanted: 'at least one token', ...(caseName === undefined ? {} : { case: caseName }) },
    hint: 'write a text that is not empty, or take the prompt out: a sequence begins with a token that is fed',
  });
}
