// Prompt files: a JSON array of named prompts, given as text, chat messages or token ids.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { InputError, nearestName, UsageError } from '../errors.ts';
import type { ChatMessage } from './chat-template.ts';
import type { Tokenizer } from './tokenizer.ts';

const tokenIds = z.array(z.int().nonnegative());
/** Names are part of case and tensor names, hence the alphabet. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const NAME_RULE = 'letters, digits, ".", "_" and "-", beginning with a letter or digit';

const entrySchema = z.strictObject({
  name: z.string().regex(NAME, NAME_RULE),
  why: z.string().exactOptional(),
  text: z.string().exactOptional(),
  messages: z.array(z.strictObject({ role: z.string().min(1), content: z.string() })).exactOptional(),
  ids: tokenIds.exactOptional(),
  continuation: z.union([z.string(), tokenIds]).exactOptional(),
});

/** Exactly one of `text`, `messages` and `ids` is present and not empty. */
export interface PromptEntry {
  readonly name: string;
  /** Why the prompt is there; for readers of the file. */
  readonly why?: string;
  readonly text?: string;
  readonly messages?: readonly ChatMessage[];
  readonly ids?: readonly number[];
  /** Forced instead of the reference's greedy continuation: text, or token ids. */
  readonly continuation?: string | readonly number[];
}

export interface EncodedPrompt {
  readonly name: string;
  readonly promptIds: readonly number[];
  /** Token ids to force after the prompt; absent: the reference's greedy continuation. */
  readonly continuationIds?: readonly number[];
}

const SOURCES = ['text', 'messages', 'ids'] as const;

/** Reads and checks a prompt file. @throws InputError `PROMPTS_*`. */
export function readPrompts(path: string): readonly PromptEntry[] {
  return parsePrompts(readPromptJson(path, '[{ "name": "…", "text": "…" }, …]'), path);
}

/** @param wanted - the file's form, for the message. @throws InputError `PROMPTS_UNREADABLE`. */
export function readPromptJson(path: string, wanted: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new InputError(`${path}: the prompt file cannot be read as JSON.`, {
      code: 'PROMPTS_UNREADABLE',
      facts: { found: (cause as Error).message, wanted },
      cause,
    });
  }
}

/** `readPrompts` on parsed JSON; `path` only names the file in errors. */
export function parsePrompts(json: unknown, path: string): readonly PromptEntry[] {
  if (!Array.isArray(json) || json.length === 0) {
    throw malformed(path, 'a prompt file is an array of at least one prompt', {
      found: JSON.stringify(json).slice(0, 60),
    });
  }
  const entries = json.map((value, index) => parseEntry(value, path, index));
  const names = new Set<string>();
  for (const { name } of entries) {
    if (names.has(name)) throw malformed(path, 'two prompts have the same name', { name });
    names.add(name);
  }
  return entries;
}

function parseEntry(value: unknown, path: string, index: number): PromptEntry {
  const result = entrySchema.safeParse(value);
  if (!result.success) {
    const facts = Object.fromEntries(
      result.error.issues.map((issue) => [issue.path.join('.') || `prompt ${index}`, issue.message]),
    );
    throw malformed(path, `prompt ${index} has missing, unknown or wrong fields`, facts, unknownFieldHint(value));
  }
  const entry = result.data;
  const given = SOURCES.filter((source) => entry[source] !== undefined);
  if (given.length !== 1) {
    throw malformed(path, `prompt "${entry.name}" has to be given in exactly one way`, {
      found: given.join(', ') || 'none',
      wanted: SOURCES.join(', '),
    });
  }
  if (entry[given[0]!]!.length === 0) throw emptyPrompt(path, entry.name);
  return entry;
}

function unknownFieldHint(value: unknown): string | undefined {
  const fields = Object.keys(entrySchema.shape);
  for (const key of Object.keys(Object(value))) {
    const near = fields.includes(key) ? undefined : nearestName(key, fields);
    if (near !== undefined) return `did you mean "${near}" instead of "${key}"?`;
  }
  return undefined;
}

/** Picks prompts by name. @throws UsageError for a name that is not in the file. */
export function selectPrompts<T extends { readonly name: string }>(
  entries: readonly T[],
  names: readonly string[],
): readonly T[] {
  return names.map((name) => {
    const entry = entries.find((candidate) => candidate.name === name);
    if (entry !== undefined) return entry;
    const known = entries.map((candidate) => candidate.name);
    const near = nearestName(name, known);
    throw new UsageError(`there is no prompt "${name}".`, {
      code: 'PROMPT_UNKNOWN',
      facts: { prompts: known.join(', ') },
      ...(near === undefined ? {} : { hint: `did you mean "${near}"?` }),
    });
  });
}

export interface EncodeContext {
  /** Absent for a checkpoint without tokenizer.json: prompts must then be ids. */
  readonly tokenizer: Tokenizer | undefined;
  /** V of the checkpoint. */
  readonly vocabSize: number;
  /** Names the prompt file in errors. */
  readonly path: string;
}

/**
 * Turns a prompt into token ids. A continuation is encoded by itself, so that the prompt's ids do not depend on it.
 *
 * @throws InputError for an empty prompt, ids outside the vocabulary, or text without a tokenizer.
 */
export function encodePrompt(entry: PromptEntry, context: EncodeContext): EncodedPrompt {
  const { name, continuation } = entry;
  const promptIds = entry.ids ?? encodeText(entry, context);
  if (promptIds.length === 0) throw emptyPrompt(context.path, name);
  requireKnownIds(promptIds, name, context);
  if (continuation === undefined) return { name, promptIds };
  const continuationIds =
    typeof continuation === 'string' ? requireTokenizer(name, context).encode(continuation) : continuation;
  requireKnownIds(continuationIds, name, context);
  return { name, promptIds, continuationIds };
}

function encodeText({ name, text, messages }: PromptEntry, context: EncodeContext): number[] {
  const tokenizer = requireTokenizer(name, context);
  return tokenizer.encode(text ?? tokenizer.renderChat(messages ?? []));
}

function requireTokenizer(name: string, { tokenizer, path }: EncodeContext): Tokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new InputError(`${path}: prompt "${name}" is text, but the checkpoint has no tokenizer.json.`, {
    code: 'PROMPT_NEEDS_TOKENIZER',
    hint: 'give the prompt as ids, or put tokenizer.json into the checkpoint folder',
  });
}

function requireKnownIds(ids: readonly number[], name: string, { vocabSize, path }: EncodeContext): void {
  const index = ids.findIndex((id) => id >= vocabSize);
  if (index === -1) return;
  throw new InputError(`${path}: prompt "${name}" has a token id outside the vocabulary of the checkpoint.`, {
    code: 'PROMPT_VOCABULARY',
    facts: { found: `id ${ids[index]} at index ${index}`, wanted: `0 … ${vocabSize - 1}` },
    hint: 'tokenizer and checkpoint disagree, or the ids were made for another model',
  });
}

function emptyPrompt(path: string, name: string): InputError {
  return new InputError(`${path}: prompt "${name}" is empty.`, {
    code: 'PROMPT_EMPTY',
    facts: { wanted: 'at least one token' },
  });
}

function malformed(
  path: string,
  what: string,
  facts: Readonly<Record<string, string | number>>,
  hint?: string,
): InputError {
  return new InputError(`${path}: ${what}.`, {
    code: 'PROMPTS_MALFORMED',
    facts,
    ...(hint === undefined ? {} : { hint }),
  });
}
