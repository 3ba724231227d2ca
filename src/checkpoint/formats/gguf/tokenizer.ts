// What tokenizer.json and tokenizer_config.json of a checkpoint would say, from a GGUF file's metadata.
// Source: GGUF specification (tokenizer.ggml.*); llama.cpp's conversion (get_vocab_base, _set_vocab_gpt2, SpecialVocab), which fills
// the vocabulary up to the rows of the embedding with tokens [PAD<id>].
import { QWEN2_PIECES } from '../../../text/byte-pairs.ts';
import { brokenGguf } from './cursor.ts';
import { type Fields, numberField, required, textField, textsField, truthField, wrongKind } from './fields.ts';

export interface GgufTokenizer {
  /** As tokenizer.json. */
  readonly tokenizerJson: Readonly<Record<string, unknown>>;
  /** As tokenizer_config.json. */
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
}

const BYTE_PAIRS = 'gpt2';
/** Values of `tokenizer.ggml.pre` that split a text as Qwen2 does. */
const QWEN2_PRE: readonly string[] = ['qwen2', 'deepseek-r1-qwen'];
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

/** @returns undefined where there is none, or one of another kind (`tokenizerKind`). @throws InputError `GGUF_HEADER`. */
export function tokenizerOf(fields: Fields): GgufTokenizer | undefined {
  if (tokenizerKind(fields) !== BYTE_PAIRS) return undefined;
  const texts = required(fields, 'tokenizer.ggml.tokens', textsField(fields, 'tokenizer.ggml.tokens'));
  const types = tokenTypes(fields, texts.length);
  const vocab: Record<string, number> = Object.create(null);
  const added: Record<string, unknown>[] = [];
  for (const [id, content] of texts.entries()) {
    const type = types[id];
    if (type === UNUSED || content === `[PAD${id}]`) continue;
    if (vocab[content] !== undefined) {
      throw brokenGguf(fields.path, 'two tokens have one text', { ids: `${vocab[content]} and ${id}`, found: content });
    }
    // Added ones too, as tokenizer.json may have it: their ids are then these, whatever stands between them.
    vocab[content] = id;
    if (type === CONTROL || type === USER_DEFINED) {
      const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
      added.push({ id, content, ...flags, special: type === CONTROL });
    }
  }
  const textOf = (name: string): string | undefined => {
    const id = numberField(fields, `tokenizer.ggml.${name}_token_id`);
    return id === undefined ? undefined : required(fields, `token ${id} (${name})`, texts[id]);
  };
  return {
    tokenizerJson: {
      version: '1.0',
      added_tokens: added,
      ...splitting(fields),
      post_processor: postProcessor(fields, textOf),
      model: { type: 'BPE', vocab, merges: textsField(fields, 'tokenizer.ggml.merges') ?? [] },
    },
    tokenizerConfig: {
      ...named('bos_token', textOf('bos')),
      ...named('eos_token', textOf('eos')),
      ...named('pad_token', textOf('padding')),
      ...named('unk_token', textOf('unknown')),
      ...named('add_prefix_space', truthField(fields, 'tokenizer.ggml.add_space_prefix')),
      ...named('chat_template', chatTemplates(fields)),
    },
  };
}

/** What tokenizer the file has, for a note. */
export function tokenizerKind(fields: Fields): string | undefined {
  return textField(fields, 'tokenizer.ggml.model');
}

function named(key: string, value: unknown): Readonly<Record<string, unknown>> {
  return value === undefined ? {} : { [key]: value };
}

/** Without types, all tokens are normal ones. */
function tokenTypes({ path, metadata }: Fields, count: number): ArrayLike<unknown> {
  const key = 'tokenizer.ggml.token_type';
  const types = metadata.get(key);
  if (types === undefined) return [];
  if (types instanceof Int32Array || types instanceof Uint32Array) {
    if (types.length === count) return types;
    throw brokenGguf(path, 'tokens and their types are not equally many', { tokens: count, types: types.length });
  }
  throw wrongKind(path, key, types, 'an array of 32-bit integers');
}

/** An unknown way is named, so that the reader of a text says that it splits as Qwen2 does all the same. */
function splitting(fields: Fields): Readonly<Record<string, unknown>> {
  const pre = textField(fields, 'tokenizer.ggml.pre') ?? 'default';
  if (!QWEN2_PRE.includes(pre)) return { normalizer: null, pre_tokenizer: { type: 'tokenizer.ggml.pre', name: pre } };
  const split = { type: 'Split', pattern: { Regex: QWEN2_PIECES }, behavior: 'Isolated', invert: false };
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  return { normalizer: { type: 'NFC' }, pre_tokenizer: { type: 'Sequence', pretokenizers: [split, byteLevel] } };
}

/** What is put around a text, e.g. the BOS of a distilled Qwen2. */
function postProcessor(fields: Fields, textOf: (name: string) => string | undefined): unknown {
  const tokens: Record<string, unknown> = {};
  const piece = (name: string): unknown[] => {
    if (truthField(fields, `tokenizer.ggml.add_${name}_token`) !== true) return [];
    const key = `tokenizer.ggml.${name}_token_id`;
    const text = required(fields, key, textOf(name));
    tokens[text] = { id: text, ids: [numberField(fields, key)], tokens: [text] };
    return [{ SpecialToken: { id: text, type_id: 0 } }];
  };
  const single = [...piece('bos'), { Sequence: { id: 'A', type_id: 0 } }, ...piece('eos')];
  if (single.length === 1) return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  return { type: 'TemplateProcessing', single, special_tokens: tokens };
}

function chatTemplates(fields: Fields): unknown {
  const standard = textField(fields, 'tokenizer.chat_template');
  const others = (textsField(fields, 'tokenizer.chat_templates') ?? []).map((name) => {
    const key = `tokenizer.chat_template.${name}`;
    return { name, template: required(fields, key, textField(fields, key)) };
  });
  if (others.length === 0) return standard;
  return [...(standard === undefined ? [] : [{ name: 'default', template: standard }]), ...others];
}
