// The tokenizer of a GGUF file: ids, texts and chats as those of the folder that the file was made from.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../text/tokenizer.ts';
import { FIXTURES } from '../../checkpoint.fixture.ts';
import { ggufBytes, TINY_GGUF, tinyParts } from './gguf-file.fixture.ts';
import type { MetadataValue } from './metadata.ts';
import { openGguf } from './open-gguf.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-gguf-tokenizer-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const ofFolder = loadTokenizer(join(FIXTURES, 'tiny-qwen2'));

function ofGguf(changes: Readonly<Record<string, MetadataValue | undefined>> = {}): ReturnType<typeof loadTokenizer> {
  const { metadata, tensors } = tinyParts();
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) metadata.delete(key);
    else metadata.set(key, value);
  }
  const path = join(scratch, 'changed.gguf');
  writeFileSync(path, ggufBytes({ metadata, tensors: tensors.filter(({ name }) => name === 'token_embd.weight') }));
  return loadTokenizer({ path, ...openGguf(path).tokenizer! });
}

const fromTiny = loadTokenizer({ path: TINY_GGUF, ...openGguf(TINY_GGUF).tokenizer! });
const TEXTS = [
  'Call me Ishmael. Some years ago—never mind how long precisely.',
  'for (let i = 0; i < 10; i++) {\n\twhale(i);\r\n}\n\n  // 3.14',
  '白鲸是一部小说。日本語も、한국어도。',
  '🚢🐋 e\u0301 ﬁ ſ\u00a0x',
  '<|im_start|>user\nHello<|im_end|>\n<|endoftext|><|im_start>',
];
const golden = JSON.parse(readFileSync(join(FIXTURES, 'golden-hf/tokenizer-tiny.json'), 'utf8')) as { text: string }[];

describe('tokenizer of tiny-qwen2.gguf', () => {
  it.each([...TEXTS, ...golden.map(({ text }) => text)])('encodes and decodes %j as the folder', (text) => {
    const ids = ofFolder.encode(text);
    expect(fromTiny.encode(text)).toEqual(ids);
    expect(fromTiny.encodeWithSpecialTokens(text)).toEqual(ofFolder.encodeWithSpecialTokens(text));
    expect(fromTiny.decode(ids)).toBe(ofFolder.decode(ids));
  });

  it('has the text of every id, and no notes', () => {
    const ids = Array.from({ length: 2050 }, (_, id) => id);
    expect(ids.map((id) => fromTiny.tokenText(id))).toEqual(ids.map((id) => ofFolder.tokenText(id)));
    expect(fromTiny.vocabSize).toBe(ofFolder.vocabSize);
    expect(fromTiny.notes).toEqual([]);
    expect(fromTiny.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('writes a chat as the folder', () => {
    const messages = [{ role: 'user', content: 'Hello' }] as const;
    expect(fromTiny.renderChat(messages)).toBe(ofFolder.renderChat(messages));
  });
});

describe('other tokenizers in GGUF files', () => {
  it('put BOS before a text where the metadata says so', () => {
    expect(ofGguf({ 'tokenizer.ggml.add_bos_token': true }).encodeWithSpecialTokens('a')).toEqual([
      2045,
      ...ofFolder.encode('a'),
    ]);
  });

  it('have named templates', () => {
    const tokenizer = ofGguf({ 'tokenizer.chat_templates': ['tool_use'], 'tokenizer.chat_template.tool_use': 'TOOLS' });
    const messages = [{ role: 'user', content: 'Hello' }] as const;
    expect(tokenizer.renderChat(messages)).toBe(ofFolder.renderChat(messages));
    expect(tokenizer.renderChat(messages, { tools: [] })).toBe('TOOLS');
  });

  it('say that none is there, and look for none beside the file', () => {
    const tokenizer = ofGguf({ 'tokenizer.chat_template': undefined });
    expect(() => tokenizer.renderChat([{ role: 'user', content: 'Hello' }])).toThrow(/changed\.gguf.*no chat template/);
  });

  it('note that they split otherwise', () => {
    expect(ofGguf({ 'tokenizer.ggml.pre': 'llama-bpe' }).notes.join()).toMatch(/normalizer and pre_tokenizer differ/);
  });

  it('leave out what only fills the vocabulary up', () => {
    const { metadata } = tinyParts();
    const tokens = [...(metadata.get('tokenizer.ggml.tokens') as string[]), '[PAD2048]', 'unused'];
    const types = Int32Array.of(...(metadata.get('tokenizer.ggml.token_type') as Int32Array), 4, 5);
    const tokenizer = ofGguf({ 'tokenizer.ggml.tokens': tokens, 'tokenizer.ggml.token_type': types });
    expect(tokenizer.encode('[PAD2048]')).toEqual(ofFolder.encode('[PAD2048]'));
    expect(tokenizer.vocabSize).toBe(2048);
  });

  it.each([
    ['tokenizer.ggml.token_type', Int32Array.of(1, 2), /not equally many/],
    ['tokenizer.ggml.token_type', 'x', /of the wrong kind/],
    ['tokenizer.ggml.tokens', undefined, /lacks.*tokenizer\.ggml\.tokens/s],
    ['tokenizer.ggml.eos_token_id', 5000, /token 5000/],
    ['tokenizer.ggml.merges', ['a b c'], /does not have two parts/],
    ['tokenizer.ggml.merges', ['a zzzz'], /is no token/],
  ])('refuse %s %o', (key, value, message) => {
    expect(() => ofGguf({ [key]: value })).toThrow(message);
  });

  it('refuse two tokens of one text', () => {
    const tokens = [...(tinyParts().metadata.get('tokenizer.ggml.tokens') as string[])];
    tokens[7] = tokens[6]!;
    expect(() => ofGguf({ 'tokenizer.ggml.tokens': tokens })).toThrow(/two tokens have one text/);
  });

  it.each([['llama'], [undefined]])('are noted where the model is %s', (kind) => {
    const { metadata, tensors } = tinyParts();
    if (kind === undefined) metadata.delete('tokenizer.ggml.model');
    else metadata.set('tokenizer.ggml.model', kind);
    const path = join(scratch, 'none.gguf');
    writeFileSync(path, ggufBytes({ metadata, tensors: tensors.filter(({ name }) => name === 'token_embd.weight') }));
    const { tokenizer, notes } = openGguf(path);
    expect(tokenizer).toBeUndefined();
    expect(notes.join()).toMatch(/prompts are given as ids/);
  });
});
