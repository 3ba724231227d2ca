// tokenizer.json of a checkpoint folder: text to token ids, ids to text, and the text of a single token for reports.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { InputError } from '../errors.ts';
import { type ChatMessage, type ChatTemplate, createChatTemplate } from './chat-template.ts';

export interface Tokenizer {
  /** Highest token id + 1; a checkpoint's vocabulary may be larger (padding rows). */
  readonly vocabSize: number;
  /** Hex sha256 of tokenizer.json. */
  readonly sha256: string;
  /** Token ids of a text; special tokens written out in it are recognised, none are added. */
  encode(text: string): number[];
  /** Text of a sequence, special tokens included; bytes that are no UTF-8 become U+FFFD. */
  decode(ids: readonly number[] | Int32Array): string;
  /** Text of one token; bytes that are no UTF-8 by themselves are shown as `\xE6`, an id without a token as `<id 151800>`. */
  tokenText(id: number): string;
  /** The conversation as the model's template writes it, ready for the answer. @throws InputError without a template. */
  renderChat(messages: readonly ChatMessage[]): string;
}

const tokenizerSchema = z.looseObject({
  model: z.looseObject({ type: z.string().nullish() }),
  added_tokens: z.array(z.looseObject({ id: z.int().nonnegative(), content: z.string() })).nullish(),
  decoder: z.looseObject({ type: z.string() }).nullish(),
});
const token = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const tokenizerConfigSchema = z.looseObject({
  chat_template: z.union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))]).nullish(),
  bos_token: token,
  eos_token: token,
});
type TokenizerConfig = z.infer<typeof tokenizerConfigSchema>;

/**
 * Loads `tokenizer.json` with `tokenizer_config.json` and `chat_template.jinja`, if present.
 *
 * @throws InputError `TOKENIZER_*` for a missing or malformed file.
 */
export function loadTokenizer(folder: string): Tokenizer {
  const path = join(folder, 'tokenizer.json');
  const bytes = readFile(path);
  const json = parse(tokenizerSchema, bytes, path);
  const configPath = join(folder, 'tokenizer_config.json');
  const config = existsSync(configPath) ? parse(tokenizerConfigSchema, readFile(configPath), configPath) : {};
  let hub: HubTokenizer;
  try {
    hub = new HubTokenizer(json, config);
  } catch (cause) {
    throw unusable(path, (cause as Error).message, cause);
  }
  return createTokenizer(hub, {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    isByteLevel: json.decoder?.type === 'ByteLevel',
    specialTexts: new Map(json.added_tokens?.map(({ id, content }) => [id, content])),
    chatTemplate: readChatTemplate(folder, config),
    folder,
  });
}

interface TokenizerParts {
  readonly sha256: string;
  /** Whether vocabulary entries spell bytes in the byte-level alphabet. */
  readonly isByteLevel: boolean;
  readonly specialTexts: ReadonlyMap<number, string>;
  readonly chatTemplate: ChatTemplate | undefined;
  readonly folder: string;
}

function createTokenizer(hub: HubTokenizer, parts: TokenizerParts): Tokenizer {
  const { sha256, isByteLevel, specialTexts, chatTemplate, folder } = parts;
  let vocabSize = 0;
  for (const id of hub.get_vocab(true).values()) vocabSize = Math.max(vocabSize, id + 1);
  for (const id of specialTexts.keys()) vocabSize = Math.max(vocabSize, id + 1);
  const alphabet = isByteLevel ? byteOfCharacter() : undefined;
  const tokenTexts = new Map<number, string>();

  const bytesOf = (id: number): Uint8Array | undefined => {
    const entry = hub.id_to_token(id);
    if (alphabet === undefined || entry === undefined || specialTexts.has(id)) return undefined;
    const bytes = [...entry].map((character) => alphabet.get(character));
    return bytes.includes(undefined) ? undefined : Uint8Array.from(bytes as number[]);
  };
  const describe = (id: number): string => {
    const bytes = bytesOf(id);
    return bytes === undefined ? (specialTexts.get(id) ?? hub.id_to_token(id) ?? `<id ${id}>`) : showBytes(bytes);
  };
  return {
    vocabSize,
    sha256,
    encode: (text) => (text === '' ? [] : hub.encode(text, { add_special_tokens: false }).ids),
    decode: (ids) =>
      ids.length === 0 ? '' : hub.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
    tokenText(id) {
      let text = tokenTexts.get(id);
      if (text === undefined) {
        text = describe(id);
        tokenTexts.set(id, text);
      }
      return text;
    },
    renderChat(messages) {
      if (chatTemplate !== undefined) return chatTemplate.render(messages);
      throw new InputError(`${folder}: the tokenizer has no chat template, but a prompt has messages.`, {
        code: 'CHAT_TEMPLATE_MISSING',
        facts: { wanted: 'chat_template.jinja, or chat_template in tokenizer_config.json' },
        hint: 'use an instruct checkpoint, or give the prompt as text',
      });
    },
  };
}

/**
 * Refuses a tokenizer that can produce ids which the checkpoint has no row for.
 *
 * @param vocabSize - V of the checkpoint; larger than the tokenizer's is normal (padding rows).
 */
export function requireVocabulary(tokenizer: Tokenizer, vocabSize: number, folder: string): void {
  if (tokenizer.vocabSize <= vocabSize) return;
  throw new InputError(`${folder}: tokenizer and checkpoint disagree.`, {
    code: 'TOKENIZER_VOCABULARY',
    facts: { tokenizer: `ids up to ${tokenizer.vocabSize - 1}`, checkpoint: `ids up to ${vocabSize - 1} (vocab_size)` },
    hint: 'take tokenizer.json and config.json from the same checkpoint',
  });
}

/**
 * Text of bytes: UTF-8 where it is whole, `\xE6` for each byte that is not.
 *
 * Example: the first two bytes of 日 give `\xE6\x97`.
 */
export function showBytes(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = utf8Length(bytes[at]!);
    try {
      if (at + length > bytes.length) throw new RangeError('cut off');
      text += decoder.decode(bytes.subarray(at, at + length));
      at += length;
    } catch {
      text += `\\x${bytes[at]!.toString(16).toUpperCase().padStart(2, '0')}`;
      at += 1;
    }
  }
  return text;
}

function utf8Length(firstByte: number): number {
  if (firstByte < 0xc0) return 1;
  if (firstByte < 0xe0) return 2;
  return firstByte < 0xf0 ? 3 : 4;
}

/** Byte-level BPE's alphabet: printable Latin-1 stands for itself, the other bytes for U+0100 onwards, in order. */
function byteOfCharacter(): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  let replaced = 0;
  for (let byte = 0; byte < 256; byte++) {
    const isItself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    bytes.set(String.fromCharCode(isItself ? byte : 256 + replaced++), byte);
  }
  return bytes;
}

/** A file of its own wins over the config's entry, as in Transformers. */
function readChatTemplate(folder: string, config: TokenizerConfig): ChatTemplate | undefined {
  const path = join(folder, 'chat_template.jinja');
  const named = config.chat_template;
  const inConfig = typeof named === 'string' ? named : named?.find(({ name }) => name === 'default')?.template;
  const source = existsSync(path) ? readFile(path).toString('utf8') : inConfig;
  if (source === undefined) return undefined;
  const textOf = (value: TokenizerConfig['bos_token']): string =>
    typeof value === 'string' ? value : (value?.content ?? '');
  return createChatTemplate(source, {
    path: existsSync(path) ? path : join(folder, 'tokenizer_config.json'),
    bosToken: textOf(config.bos_token),
    eosToken: textOf(config.eos_token),
  });
}

function parse<T extends z.ZodType>(schema: T, bytes: Buffer, path: string): z.infer<T> {
  try {
    return schema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw unusable(path, (cause as Error).message, cause);
  }
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw unusable(path, (cause as Error).message, cause);
  }
}

function unusable(path: string, found: string, cause: unknown): InputError {
  return new InputError(`${path}: the tokenizer cannot be loaded.`, {
    code: 'TOKENIZER_UNREADABLE',
    facts: { found },
    hint: 'take tokenizer.json and tokenizer_config.json from the checkpoint, or give prompts as ids',
    cause,
  });
}
