// Tokenizers: ids and text as Hugging Face's own library gives them, for the tiny checkpoints.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { showBytes } from './byte-level.ts';
import { CODE_TEXT, readGoldenTexts } from './golden-texts.fixture.ts';
import { loadTokenizer } from './tokenizer.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-tokenizer-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('tokenizer of tiny-qwen2', () => {
  const tokenizer = loadTokenizer(join(FIXTURES, 'tiny-qwen2'));

  it.each(readGoldenTexts('tokenizer-tiny.json'))('encodes and decodes $text', ({ text, ids, decoded }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
  });

  it('gives single tokens whose texts, put together, are the text where no character is split', () => {
    const texts = tokenizer.encode(CODE_TEXT).map((id) => tokenizer.tokenText(id));
    expect(texts.join('')).toBe(CODE_TEXT);
  });
});

describe('tokenText', () => {
  const tokenizer = loadTokenizer(join(FIXTURES, 'tiny-qwen2'));

  it('shows the bytes of a character that spans tokens', () => {
    const texts = tokenizer.encode('日').map((id) => tokenizer.tokenText(id));
    expect(texts).toEqual(['\\xE6', '\\x97', '\\xA5']);
  });

  it('shows special tokens as written and ids without a token as ids', () => {
    expect(tokenizer.tokenText(2047)).toBe('<|im_end|>');
    expect(tokenizer.tokenText(5000)).toBe('<id 5000>');
  });
});

describe('showBytes', () => {
  it.each([
    { name: 'whole characters', bytes: [0x41, 0xc3, 0xa9, 0xe6, 0x97, 0xa5], expected: 'Aé日' },
    { name: 'a cut-off end', bytes: [0x41, 0xe6, 0x97], expected: 'A\\xE6\\x97' },
    { name: 'a stray continuation byte', bytes: [0xa5, 0x42], expected: '\\xA5B' },
    { name: 'an overlong form', bytes: [0xc0, 0x80], expected: '\\xC0\\x80' },
    { name: 'a byte order mark', bytes: [0xef, 0xbb, 0xbf, 0x41], expected: '\ufeffA' },
    { name: 'bytes outside UTF-8', bytes: [0xff, 0xf8], expected: '\\xFF\\xF8' },
  ])('shows $name', ({ bytes, expected }) => {
    expect(showBytes(Uint8Array.from(bytes))).toBe(expected);
  });
});

describe('loadTokenizer', () => {
  it('finds all ids, special tokens included', () => {
    expect(loadTokenizer(join(FIXTURES, 'tiny-qwen2')).vocabSize).toBe(2048);
  });

  const refused: readonly { readonly name: string; readonly content?: string; readonly says: RegExp }[] = [
    { name: 'a missing file', says: /ENOENT/ },
    { name: 'a file that is no JSON', content: '{', says: /cannot be loaded/ },
    { name: 'a file that is no tokenizer', content: '{"model": 3}', says: /model: / },
    { name: 'a file with a byte order mark', content: '\ufeff{}', says: /byte order mark/ },
    {
      name: 'a pointer of git-lfs',
      content: 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7031645\n',
      says: /pointer of git-lfs[\s\S]*git lfs pull/,
    },
    {
      name: 'another model',
      content: '{"model": {"type": "WordPiece", "vocab": {"a": 0}}}',
      says: /model type WordPiece/,
    },
    { name: 'a text as id', content: model({ a: 'x' }), says: /token "a" has the id "x"/ },
    { name: 'null as id', content: model({ a: null }), says: /token "a" has the id null/ },
    { name: 'an object as id', content: model({ a: {} }), says: /token "a" has the id \{\}/ },
    { name: 'a fraction as id', content: model({ a: 1.5 }), says: /token "a" has the id 1\.5/ },
    { name: 'a negative id', content: model({ a: -1 }), says: /token "a" has the id -1/ },
    {
      name: 'a merge of what is no token',
      content: model({ a: 0, b: 1 }, ['a b']),
      says: /needs "ab", which is no token/,
    },
    {
      name: 'an added token with a fraction as id',
      content: model({ a: 0 }, [], [{ id: 1.5, content: 'x' }]),
      says: /added_tokens\.0\.id/,
    },
  ];
  it.each(refused)('refuses $name', ({ name, content, says }) => {
    const folder = join(scratch, name);
    cpSync(join(FIXTURES, 'golden-hf/quirk-yarn'), folder, { recursive: true });
    if (content !== undefined) writeFileSync(join(folder, 'tokenizer.json'), content);
    expect(() => loadTokenizer(folder)).toThrow(InputError);
    expect(() => loadTokenizer(folder)).toThrow(says);
  });

  it('makes no array up to an id of 1e9', () => {
    const folder = join(scratch, 'huge-id');
    mkdirSync(folder);
    writeFileSync(join(folder, 'tokenizer.json'), model({ a: 0, b: 1_000_000_000 }));
    const tokenizer = loadTokenizer(folder);
    expect(tokenizer.vocabSize).toBe(1_000_000_001);
    expect(tokenizer.encode('ab')).toEqual([0, 1_000_000_000]);
    expect(tokenizer.tokenText(1_000_000_000)).toBe('b');
  });

  it('loads a folder whose chat template is none, and refuses it when a chat is rendered', () => {
    const folder = join(scratch, 'broken-template');
    cpSync(join(FIXTURES, 'tiny-qwen2'), folder, { recursive: true });
    writeFileSync(join(folder, 'chat_template.jinja'), '{% for %}');
    const tokenizer = loadTokenizer(folder);
    expect(tokenizer.encode('Call')).not.toEqual([]);
    expect(() => tokenizer.renderChat([{ role: 'user', content: 'Hi' }])).toThrow(
      /chat_template\.jinja: the chat template cannot be parsed/,
    );
  });

  it('refuses a token to which the file gives another id than Transformers, where a text uses it', () => {
    const folder = join(scratch, 'disputed-id');
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'tokenizer.json'),
      model({ a: 0, b: 1 }, [], [{ id: 9, content: '<x>', special: true }]),
    );
    const tokenizer = loadTokenizer(folder);
    expect(tokenizer.encode('ab')).toEqual([0, 1]);
    expect(() => tokenizer.encode('a<x>')).toThrow(/in the file +9\n +in Transformers +2/);
  });

  it('notes where tokenizer.json splits text otherwise than Qwen2', () => {
    expect(loadTokenizer(join(FIXTURES, 'tiny-qwen2')).notes).toEqual([]);
    const folder = join(scratch, 'other-pieces');
    mkdirSync(folder);
    const json = { ...JSON.parse(model({ a: 0 })), normalizer: null, pre_tokenizer: { type: 'ByteLevel' } };
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(json));
    expect(loadTokenizer(folder).notes).toEqual([
      expect.stringMatching(/normalizer and pre_tokenizer differ from Qwen2's/),
    ]);
  });
});

function model(vocab: object, merges: readonly string[] = [], addedTokens: readonly object[] = []): string {
  return JSON.stringify({ model: { type: 'BPE', vocab, merges }, added_tokens: addedTokens });
}
