// The files of a tokenizer: tokenizer.json and what stands beside it, read and checked before anything is built from them.
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.ts';
import { readBounded } from './read-bounded.ts';

/** tokenizer.json of Qwen2 takes 7 MB, the largest known 35 MB. */
const BYTES_MAX = 2 ** 28;

const tokenId = z.int().nonnegative();
const addedToken = z.looseObject({
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().exactOptional(),
  special: z.boolean().default(false),
});
/** A special token as a config writes it: a text, or a text with flags. */
const namedToken = z.union([z.string(), addedToken]);
const tokenizerSchema = z.looseObject({
  model: z.looseObject({
    type: z.string().nullish(),
    vocab: z.unknown().optional(),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).nullish(),
  }),
  added_tokens: z.array(addedToken.extend({ id: tokenId })).nullish(),
  normalizer: z.unknown().optional(),
  pre_tokenizer: z.unknown().optional(),
  post_processor: z.unknown().optional(),
});
const configSchema = z.looseObject({
  chat_template: z.union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))]).nullish(),
  added_tokens_decoder: z.record(z.string().regex(/^\d+$/), addedToken).exactOptional(),
  additional_special_tokens: z.array(namedToken).nullish(),
  extra_special_tokens: z.union([z.array(namedToken), z.record(z.string(), namedToken)]).nullish(),
  split_special_tokens: z.boolean().default(false),
  add_prefix_space: z.boolean().nullish(),
});

/** How a token is looked for; `normalized` is true unless special where it is not said. */
export interface AddedTokenFlags {
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized?: boolean;
  readonly special: boolean;
}

export type NamedToken = string | AddedTokenFlags;

export interface TokenizerJson {
  readonly model: {
    readonly type?: string | null | undefined;
    readonly vocab?: unknown;
    readonly merges?: readonly (string | [string, string])[] | null | undefined;
  };
  readonly added_tokens?: readonly (AddedTokenFlags & { readonly id: number })[] | null | undefined;
  readonly normalizer?: unknown;
  readonly pre_tokenizer?: unknown;
  readonly post_processor?: unknown;
}

/** Names of special tokens, `eos_token` and the like, stand beside these fields. */
export interface TokenizerConfig {
  readonly chat_template?: string | readonly { readonly name: string; readonly template: string }[] | null | undefined;
  readonly added_tokens_decoder?: Readonly<Record<string, AddedTokenFlags>>;
  readonly additional_special_tokens?: readonly NamedToken[] | null | undefined;
  readonly extra_special_tokens?: readonly NamedToken[] | Readonly<Record<string, NamedToken>> | null | undefined;
  readonly split_special_tokens: boolean;
  readonly add_prefix_space?: boolean | null | undefined;
}

/** A tokenizer that has no files of its own, such as that of a GGUF file. */
export interface TokenizerObjects {
  /** Of the file that holds it, for messages. */
  readonly path: string;
  /** As tokenizer.json. */
  readonly tokenizerJson: unknown;
  /** As tokenizer_config.json. */
  readonly tokenizerConfig: unknown;
}

export interface TokenizerFiles {
  /** Undefined where nothing stands beside. */
  readonly folder: string | undefined;
  /** tokenizer.json, for messages. */
  readonly path: string;
  /** Hex sha256 of tokenizer.json. */
  readonly sha256: string;
  readonly json: TokenizerJson;
  /** Token text to id. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Pairs that are joined, the most wanted first. */
  readonly merges: readonly (readonly [string, string])[];
  readonly config: TokenizerConfig;
  /** special_tokens_map.json; read by Transformers only where the config lists no added tokens. */
  readonly specialTokensMap: Readonly<Record<string, unknown>>;
  /** added_tokens.json, likewise. */
  readonly addedTokens: Readonly<Record<string, number>>;
}

type ReadHere = 'json' | 'vocabulary' | 'merges';
type Beside = Omit<TokenizerFiles, ReadHere>;

/** @throws InputError `TOKENIZER_UNREADABLE` or `TOKENIZER_UNSUPPORTED`. */
export function readTokenizerFiles(place: string | TokenizerObjects): TokenizerFiles {
  if (typeof place === 'string') return readTokenizerFolder(place);
  const { path, tokenizerJson, tokenizerConfig } = place;
  return checkTokenizer(check(tokenizerSchema, tokenizerJson, path), {
    folder: undefined,
    path,
    sha256: createHash('sha256').update(JSON.stringify(tokenizerJson)).digest('hex'),
    config: check(configSchema, tokenizerConfig, path),
    specialTokensMap: {},
    addedTokens: {},
  });
}

function readTokenizerFolder(folder: string): TokenizerFiles {
  const path = join(folder, 'tokenizer.json');
  const bytes = readBytes(path);
  return checkTokenizer(parse(tokenizerSchema, bytes, path), {
    folder,
    path,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    config: readOptional(configSchema, join(folder, 'tokenizer_config.json')) ?? configSchema.parse({}),
    specialTokensMap: readOptional(z.record(z.string(), z.unknown()), join(folder, 'special_tokens_map.json')) ?? {},
    addedTokens: readOptional(z.record(z.string(), tokenId), join(folder, 'added_tokens.json')) ?? {},
  });
}

function checkTokenizer(json: TokenizerJson, beside: Beside): TokenizerFiles {
  const { path } = beside;
  requireBytePairs(json, path);
  const vocabulary = readVocabulary(json.model.vocab, path);
  const merges = (json.model.merges ?? []).map((merge) =>
    typeof merge === 'string' ? splitMerge(merge, path) : merge,
  );
  requireKnownMerges(merges, vocabulary, path);
  return { ...beside, json, vocabulary, merges };
}

/** Text of a file beside tokenizer.json, if it is there. */
export function readTextFile(path: string): string | undefined {
  return existsSync(path) ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(readBytes(path)) : undefined;
}

function requireBytePairs({ model }: TokenizerJson, path: string): void {
  const type = model.type ?? (model.merges == null ? 'unknown' : 'BPE');
  if (type === 'BPE' && typeof model.vocab === 'object' && model.vocab !== null && !Array.isArray(model.vocab)) return;
  throw new InputError(`${path}: this tokenizer is none of Qwen2's kind.`, {
    code: 'TOKENIZER_UNSUPPORTED',
    facts: { found: `model type ${type}`, wanted: 'BPE with a vocabulary of texts and ids' },
    hint: 'give prompts as ids and remove tokenizer.json from the folder',
  });
}

/** No id is repaired: `"x"` would become 0 and 1.5 become 1. */
function readVocabulary(vocab: unknown, path: string): Map<string, number> {
  const entries = new Map<string, number>();
  for (const [text, id] of Object.entries(vocab as object)) {
    if (!Number.isInteger(id) || id < 0) {
      throw unusable(path, `token ${JSON.stringify(text)} has the id ${JSON.stringify(id)}, which is no whole number`);
    }
    entries.set(text, id);
  }
  if (entries.size === 0) throw unusable(path, 'an empty vocabulary');
  return entries;
}

function splitMerge(merge: string, path: string): [string, string] {
  const parts = merge.split(' ');
  if (parts.length === 2) return parts as [string, string];
  throw unusable(path, `the merge ${JSON.stringify(merge)} does not have two parts`);
}

function requireKnownMerges(
  merges: TokenizerFiles['merges'],
  vocabulary: ReadonlyMap<string, number>,
  path: string,
): void {
  for (const [left, right] of merges) {
    const unknown = [left, right, left + right].find((text) => !vocabulary.has(text));
    if (unknown === undefined) continue;
    throw unusable(
      path,
      `the merge of ${JSON.stringify([left, right])} needs ${JSON.stringify(unknown)}, which is no token`,
    );
  }
}

function readOptional<T extends z.ZodType>(schema: T, path: string): z.infer<T> | undefined {
  return existsSync(path) ? parse(schema, readBytes(path), path) : undefined;
}

function parse<T extends z.ZodType>(schema: T, bytes: Buffer, path: string): z.infer<T> {
  if (bytes.subarray(0, 7).toString('latin1') === 'version' && bytes.includes('git-lfs')) throw lfsPointer(path, bytes);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    const isMarked = bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]));
    throw unusable(path, isMarked ? 'a byte order mark at the beginning' : (cause as Error).message, cause);
  }
  return check(schema, value, path);
}

function check<T extends z.ZodType>(schema: T, value: unknown, path: string): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw unusable(path, [issue?.path.join('.'), issue?.message].filter(Boolean).join(': '), result.error);
}

function readBytes(path: string): Buffer {
  let bytes: Buffer | undefined;
  try {
    // A named pipe would be waited for for ever.
    if (!statSync(path).isFile()) throw new Error('no regular file');
    bytes = readBounded(path, BYTES_MAX);
  } catch (cause) {
    throw unusable(path, (cause as Error).message, cause);
  }
  if (bytes === undefined) throw unusable(path, `more than ${BYTES_MAX} bytes`);
  return bytes;
}

function lfsPointer(path: string, bytes: Buffer): InputError {
  return new InputError(`${path}: this is a pointer of git-lfs, not the file itself.`, {
    code: 'TOKENIZER_UNREADABLE',
    facts: { found: `${bytes.length} bytes that begin with "version https://git-lfs…"` },
    hint: 'run `git lfs pull` in the folder of the checkpoint',
  });
}

function unusable(path: string, found: string, cause?: unknown): InputError {
  return new InputError(`${path}: the tokenizer cannot be loaded.`, {
    code: 'TOKENIZER_UNREADABLE',
    facts: { found },
    hint: 'take tokenizer.json and tokenizer_config.json from the checkpoint, or give prompts as ids and remove tokenizer.json from the folder',
    ...(cause === undefined ? {} : { cause }),
  });
}
