// Prompts as ids: what is fed, and errors that name file, prompt and case.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { encodePrompt, vocabularyNote } from './encode-prompt.ts';
import { writeGoldenFolder } from './golden-folder.fixture.ts';
import type { PromptEntry } from './prompts.ts';
import { loadTokenizer } from './tokenizer.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-encode-prompt-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const tiny = loadTokenizer(join(import.meta.dirname, '../../fixtures/tiny-qwen2-instruct'));
const withBos = loadTokenizer(writeGoldenFolder(scratch, 'r1-distill'));
const withExtra = loadTokenizer(writeGoldenFolder(scratch, 'added-tokens'));
const dated = loadTokenizer(writeGoldenFolder(scratch, 'beginning-and-end'));
const BOS = 2048;
const context = { tokenizer: tiny, vocabSize: 2048, path: 'prompts.json', caseName: 'general_weights-1_batch' };
const question = [{ role: 'user', content: 'Why?' }];

describe('encodePrompt', () => {
  it('encodes a continuation apart from the prompt', () => {
    const encoded = encodePrompt({ name: 'a', text: 'The capital', continuation: ' of Texas' }, context);
    expect(encoded.promptIds).toEqual(tiny.encode('The capital'));
    expect(encoded.continuationIds).toEqual(tiny.encode(' of Texas'));
  });

  it('takes ids as they are, without a tokenizer', () => {
    const encoded = encodePrompt({ name: 'a', ids: [3, 1], continuation: [2] }, { ...context, tokenizer: undefined });
    expect(encoded).toEqual({ name: 'a', promptIds: [3, 1], continuationIds: [2] });
  });

  it('begins a text with the BOS of the tokenizer, never a chat or a continuation', () => {
    const wide = { ...context, tokenizer: withBos, vocabSize: 2100 };
    const text = encodePrompt({ name: 'a', text: 'Call me', continuation: ' Ishmael' }, wide);
    expect(text.promptIds).toEqual([BOS, ...withBos.encode('Call me')]);
    expect(text.continuationIds).toEqual(withBos.encode(' Ishmael'));
    const chat = encodePrompt({ name: 'a', messages: question }, wide);
    expect(chat.promptIds.filter((id) => id === BOS)).toEqual([BOS]);
  });

  it('feeds the BOS alone where a text is empty, and refuses it where nothing is added', () => {
    expect(
      encodePrompt({ name: 'a', text: '' }, { ...context, tokenizer: withBos, vocabSize: 2100 }).promptIds,
    ).toEqual([BOS]);
    expect(() => encodePrompt({ name: 'a', text: '' }, context)).toThrow(/prompt "a" is empty[\s\S]*an empty text/);
  });

  it('passes tools and documents to the template', () => {
    const options = { ...context, tokenizer: dated, templateDate: '2025-03-09' };
    const tools = [{ type: 'function', function: { name: 'look_up' } }];
    const encoded = encodePrompt({ name: 'a', messages: question, tools, documents: [{ text: 'body' }] }, options);
    expect(dated.decode(encoded.promptIds)).toMatch(/\[\{"text": "body"\}\]\[\n {2}\{\n[\s\S]*"look_up"/);
  });

  const everywhere =
    /"a" of prompts\.json[\s\S]*general_weights-1_batch|prompts\.json: prompt "a"[\s\S]*general_weights-1_batch/;
  const refused: readonly {
    readonly what: string;
    readonly entry: PromptEntry;
    readonly other?: object;
    readonly says: RegExp;
  }[] = [
    {
      what: 'text without a tokenizer',
      entry: { name: 'a', text: 'x' },
      other: { tokenizer: undefined },
      says: /no tokenizer\.json/,
    },
    { what: 'an id outside the vocabulary', entry: { name: 'a', ids: [1, 2048] }, says: /id 2048 at index 1/ },
    { what: 'an id that is none', entry: { name: 'a', ids: [Number.NaN] }, says: /id NaN at index 0/ },
    {
      what: 'a continuation outside the vocabulary',
      entry: { name: 'a', ids: [1], continuation: [9999] },
      says: /id 9999/,
    },
    {
      what: 'an added token without a row',
      entry: { name: 'a', text: 'fill the <mask>' },
      other: { tokenizer: withExtra },
      says: /id 2048 \(<mask>\)/,
    },
    {
      what: 'a chat that needs the date',
      entry: { name: 'a', messages: question },
      other: { tokenizer: dated },
      says: /--template-date YYYY-MM-DD/,
    },
  ];
  it.each(refused)('refuses $what, and names file, prompt and case', ({ entry, other, says }) => {
    const encode = (): unknown => encodePrompt(entry, { ...context, ...other });
    expect(encode).toThrow(InputError);
    expect(encode).toThrow(says);
    expect(encode).toThrow(everywhere);
  });

  it('takes prompts that do not use the added token that has no row', () => {
    const narrow = { ...context, tokenizer: withExtra };
    expect(encodePrompt({ name: 'a', ids: [34, 512] }, narrow).promptIds).toEqual([34, 512]);
    expect(encodePrompt({ name: 'a', text: 'Call me' }, narrow).promptIds).toEqual(withExtra.encode('Call me'));
  });
});

describe('vocabularyNote', () => {
  it('says which ids have no row, and nothing of padding rows', () => {
    expect(vocabularyNote(withExtra, 2048)).toMatch(/ids up to 2056, the checkpoint rows up to 2047/);
    expect(vocabularyNote(tiny, 2048)).toBeUndefined();
    expect(vocabularyNote(tiny, 2080)).toBeUndefined();
  });
});
