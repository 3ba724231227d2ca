// The tokenizer of a checkpoint folder: text to the token ids that Transformers feeds, ids to text, and the text of a single token.
import { InputError } from '../errors.ts';
import { createTokenFinder, listAddedTokens, specialTokenTexts, type TextPart } from './added-tokens.ts';
import { decodeEntries, showBytes, spelledBytes } from './byte-level.ts';
import { createBytePairEncoder, QWEN2_PIECES } from './byte-pairs.ts';
import { type ChatMessage, type ChatOptions, createChatTemplate } from './chat-template.ts';
import { findChatTemplate } from './chat-template-file.ts';
import { composed } from './nfc.ts';
import { createPostProcessor } from './post-processor.ts';
import { readTokenizerFiles, type TokenizerFiles, type TokenizerObjects } from './tokenizer-files.ts';

export type { TokenizerObjects } from './tokenizer-files.ts';

export interface Tokenizer {
  /** Highest token id + 1; a checkpoint's vocabulary may be larger (padding rows). */
  readonly vocabSize: number;
  /** Hex sha256 of tokenizer.json; where there is no such file, of what it would hold. */
  readonly sha256: string;
  /** What a reader of a report should know, e.g. that tokenizer.json names other pieces than are used. */
  readonly notes: readonly string[];
  /** Token ids of a text; special tokens written out in it are recognised, none are added. */
  encode(text: string): number[];
  /** `encode`, with what the tokenizer adds to a text (`add_special_tokens`), e.g. a BOS. */
  encodeWithSpecialTokens(text: string): number[];
  /** Text of a sequence, special tokens included; bytes that are no UTF-8 become U+FFFD. */
  decode(ids: readonly number[] | Int32Array): string;
  /** Text of one token; bytes that are no UTF-8 by themselves are shown as `\xE6`, an id without a token as `<id 151800>`. */
  tokenText(id: number): string;
  /** The conversation as the model's template writes it, ready for the answer. @throws InputError `CHAT_TEMPLATE_*`. */
  renderChat(messages: readonly ChatMessage[], options?: ChatOptions): string;
}

/**
 * Loads `tokenizer.json` and what stands beside it, as AutoTokenizer does for model_type qwen2: NFC and Qwen2's pieces whatever the
 * file says, its vocabulary, merges, added tokens and post-processor. A chat template is read when a chat is rendered.
 *
 * @param place - a checkpoint's folder, or what its files would hold.
 * @throws InputError `TOKENIZER_*` for a missing or malformed file.
 */
export function loadTokenizer(place: string | TokenizerObjects): Tokenizer {
  const files = readTokenizerFiles(place);
  const { sha256, path, json, vocabulary } = files;
  const added = listAddedTokens(files);
  const encodeParts = createEncoder(files);
  const texts = new Map([...vocabulary].map(([text, id]) => [id, text]));
  const addedTexts = new Map((json.added_tokens ?? []).map(({ id, content }) => [id, content]));
  for (const { id, content, normalized } of added) addedTexts.set(id, normalized ? composed(content) : content);
  let vocabSize = 0;
  for (const ids of [texts.keys(), addedTexts.keys()]) for (const id of ids) vocabSize = Math.max(vocabSize, id + 1);

  const describe = (id: number): string => {
    const entry = addedTexts.get(id) ?? texts.get(id) ?? `<id ${id}>`;
    const bytes = addedTexts.has(id) || !texts.has(id) ? undefined : spelledBytes(entry);
    return bytes === undefined ? entry : showBytes(bytes);
  };
  const tokenText = remember(describe);
  const postProcess = remember((processor: unknown) => createPostProcessor(processor, path));
  const template = remember((wantsTools: boolean) => {
    const { source, path: templatePath } = findChatTemplate(files, wantsTools);
    return createChatTemplate(source, { path: templatePath, specialTokens: specialTokenTexts(files) });
  });
  return {
    vocabSize,
    sha256,
    notes: otherPieces(files),
    encode: encodeParts,
    encodeWithSpecialTokens: (text) => postProcess(json.post_processor)(encodeParts(text)),
    decode: (ids) => decodeEntries([...ids].flatMap((id) => addedTexts.get(id) ?? texts.get(id) ?? [])),
    tokenText,
    renderChat: (messages, options = {}) => template(options.tools !== undefined).render(messages, options),
  };
}

function createEncoder(files: TokenizerFiles): (text: string) => number[] {
  const { path, config } = files;
  const added = listAddedTokens(files).filter(({ special }) => !(special && config.split_special_tokens));
  const findBefore = createTokenFinder(
    added.filter(({ normalized }) => !normalized),
    ({ content }) => content,
  );
  const findAfter = createTokenFinder(
    added.filter(({ normalized }) => normalized),
    ({ content }) => composed(content),
  );
  const pieces = createBytePairEncoder(files);
  const idOf = (part: TextPart): number[] => {
    if ('text' in part) return pieces.encode(part.text);
    const { id, content, idInFile } = part.token;
    if (idInFile === undefined) return [id];
    throw new InputError(`${path}: the token ${JSON.stringify(content)} has two ids.`, {
      code: 'TOKENIZER_ID_DISPUTED',
      facts: { 'in the file': idInFile, 'in Transformers': `${id} (added tokens are numbered in order)` },
      hint: 'give prompts as ids, made by the tokenizer that the model is used with, and remove tokenizer.json from the folder',
    });
  };
  return (text) =>
    findBefore(text).flatMap((part) => ('token' in part ? idOf(part) : findAfter(composed(part.text)).flatMap(idOf)));
}

/** Transformers 4 and other readers of tokenizer.json give other ids then; the run's are named, so that nobody has to guess. */
function otherPieces({ path, json }: TokenizerFiles): string[] {
  const isNfc = (json.normalizer as { type?: string } | null)?.type === 'NFC';
  const isQwen2 = JSON.stringify(json.pre_tokenizer ?? null).includes(JSON.stringify(QWEN2_PIECES));
  const differing = [isNfc ? [] : ['normalizer'], isQwen2 ? [] : ['pre_tokenizer']].flat();
  if (differing.length === 0) return [];
  return [
    `${path}: ${differing.join(' and ')} differ from Qwen2's; text is split as AutoTokenizer of Transformers 5 does for model_type qwen2, which passes over them.`,
  ];
}

function remember<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    if (!made.has(key)) made.set(key, make(key));
    return made.get(key)!;
  };
}
