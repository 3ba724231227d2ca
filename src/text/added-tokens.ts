// Tokens that are found in a text before it is split into pieces: which there are, and where they stand.
// The rules are those of AutoTokenizer for model_type qwen2 (Transformers 5.24) and of `tokenizers` 0.23, AddedVocabulary.
import { z } from 'zod';
import type { AddedTokenFlags, TokenizerFiles } from './tokenizer-files.ts';

export interface AddedToken {
  readonly content: string;
  readonly id: number;
  /** The id that the files give it, where Transformers gives another one. */
  readonly idInFile: number | undefined;
  readonly special: boolean;
  /** Found after NFC instead of before. */
  readonly normalized: boolean;
  readonly singleWord: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** A part of a text: a token found, or text between tokens. */
export type TextPart = { readonly token: AddedToken } | { readonly text: string };

const NAMED = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];
/** Qwen2Tokenizer's own names for what a config does not mention. */
const DEFAULTS: Readonly<Record<string, string>> = {
  unk_token: '<|endoftext|>',
  eos_token: '<|endoftext|>',
  pad_token: '<|endoftext|>',
};
const namedToken = z
  .union([z.string(), z.looseObject({ content: z.string() })])
  .nullish()
  .catch(undefined);

/** Texts of the named special tokens that are set, e.g. `eos_token`; what a chat template sees. */
export function specialTokenTexts(files: TokenizerFiles): Readonly<Record<string, string>> {
  return Object.fromEntries(namedTokens(files).map(([name, { content }]) => [name, content]));
}

/** In the order in which Transformers adds them: that order gives the ids of those which the vocabulary does not have. */
export function listAddedTokens(files: TokenizerFiles): AddedToken[] {
  const { config, vocabulary } = files;
  const declared = declaredTokens(files);
  const tokens = new Map<string, AddedToken>();
  let highest = -1;
  const add = (flags: AddedTokenFlags, idInFile?: number): void => {
    const { content, special, lstrip, rstrip, normalized = !special } = flags;
    if (content === '' || tokens.has(content)) return;
    const id = vocabulary.get(content) ?? Math.max(highest + 1, vocabulary.size);
    highest = Math.max(highest, id);
    const dispute = idInFile === id ? undefined : idInFile;
    tokens.set(content, {
      content,
      id,
      idInFile: dispute,
      special,
      normalized,
      singleWord: flags.single_word,
      lstrip,
      rstrip,
    });
  };
  for (const [id, flags] of [...declared].sort(([a], [b]) => a - b)) add(flags, id);
  for (const [, flags] of namedTokens(files)) add(flags);
  const extra = config.extra_special_tokens;
  const listed =
    Array.isArray(extra) && extra.length > 0
      ? extra
      : extra == null || Array.isArray(extra)
        ? config.additional_special_tokens
        : [];
  for (const token of listed ?? []) add(withFlags(token));
  return [...tokens.values()];
}

/** The config's list if it has one; else that of tokenizer.json over the older added_tokens.json. */
function declaredTokens(files: TokenizerFiles): Map<number, AddedTokenFlags> {
  const { config, json, addedTokens } = files;
  const listed = config.added_tokens_decoder;
  if (listed !== undefined) return new Map(Object.entries(listed).map(([id, flags]) => [Number(id), flags]));
  const special = new Set(namedTokens(files).map(([, { content }]) => content));
  const tokens = new Map<number, AddedTokenFlags>();
  for (const [content, id] of Object.entries(addedTokens)) {
    const isSpecial = special.has(content);
    tokens.set(id, {
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: !isSpecial,
      special: isSpecial,
    });
  }
  for (const { id, ...flags } of json.added_tokens ?? []) tokens.set(id, flags as AddedTokenFlags);
  return tokens;
}

function namedTokens({ config, specialTokensMap }: TokenizerFiles): [string, AddedTokenFlags][] {
  const all: Record<string, unknown> = { ...DEFAULTS, ...config };
  if (config.added_tokens_decoder === undefined) Object.assign(all, specialTokensMap);
  const extra = all['extra_special_tokens'];
  const ofModel = typeof extra === 'object' && extra !== null && !Array.isArray(extra) ? extra : {};
  const others = Object.keys(all).filter((name) => name.endsWith('_token') && !NAMED.includes(name));
  const names = [...NAMED, ...others];
  const entries: [string, unknown][] = [
    ...names.map((name): [string, unknown] => [name, all[name]]),
    ...Object.entries(ofModel),
  ];
  return entries.flatMap(([name, value]) => {
    const token = namedToken.parse(value);
    return token == null ? [] : [[name, withFlags(token as string | AddedTokenFlags)]];
  });
}

function withFlags(token: string | AddedTokenFlags): AddedTokenFlags {
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return typeof token === 'string' ? { content: token, ...plain } : { ...plain, ...token, special: true };
}

const BLANKS_AT_END = /\p{White_Space}*$/u;
const BLANKS_AT_START = /^\p{White_Space}*/u;
const WORD_AT_END = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const WORD_AT_START = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

/** Finds tokens in a text: the leftmost first, of those the longest; their flags take blanks in or refuse parts of words. */
export function createTokenFinder(
  tokens: readonly AddedToken[],
  textOf: (token: AddedToken) => string,
): (text: string) => TextPart[] {
  const byText = new Map<string, AddedToken>();
  for (const token of tokens) if (!byText.has(textOf(token))) byText.set(textOf(token), token);
  if (byText.size === 0) return (text) => (text === '' ? [] : [{ text }]);
  const findTokens = createSearch([...byText.keys()]);
  return (text) => {
    const parts: TextPart[] = [];
    let done = 0;
    for (const { found, index } of findTokens(text)) {
      const token = byText.get(found)!;
      const before = text.slice(0, index);
      const after = text.slice(index + found.length);
      if (token.singleWord && (WORD_AT_END.test(before) || WORD_AT_START.test(after))) continue;
      const blanksBefore = token.lstrip ? BLANKS_AT_END.exec(before)![0].length : 0;
      const blanksAfter = token.rstrip ? BLANKS_AT_START.exec(after)![0].length : 0;
      const start = Math.max(index - blanksBefore, done);
      if (done < start) parts.push({ text: text.slice(done, start) });
      parts.push({ token });
      done = index + found.length + blanksAfter;
    }
    if (done < text.length) parts.push({ text: text.slice(done) });
    return parts;
  };
}

/**
 * Where the strings stand in a text, the leftmost first, of those the longest, none overlapping. No regular expression: an engine
 * refuses one of 100,000 characters, and only once it is used.
 */
function createSearch(
  strings: readonly string[],
): (text: string) => Generator<{ readonly found: string; readonly index: number }, void, undefined> {
  const byFirst = new Map<number, string[]>();
  for (const string of [...strings].sort((a, b) => b.length - a.length)) {
    const first = string.codePointAt(0)!;
    const others = byFirst.get(first);
    if (others === undefined) byFirst.set(first, [string]);
    else others.push(string);
  }
  return function* (text) {
    for (let index = 0; index < text.length; ) {
      const first = text.codePointAt(index)!;
      const found = byFirst.get(first)?.find((string) => text.startsWith(string, index));
      if (found !== undefined) yield { found, index };
      index += found?.length ?? (first > 0xffff ? 2 : 1);
    }
  };
}
