// Prompt files: the shipped ones have the intended length and variety; malformed ones are refused with the reason.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { encodePrompt } from './encode-prompt.ts';
import { parsePrompts, readPrompts } from './prompts.ts';
import { loadTokenizer } from './tokenizer.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');
/** The original's longest prompt. */
const SEQUENCE_LIMIT = 4096;

const tiny = loadTokenizer(join(FIXTURES, 'tiny-qwen2-instruct'));

describe.each(['general', 'instruct'])('fixtures/prompts/%s.json', (kind) => {
  const path = join(FIXTURES, 'prompts', `${kind}.json`);
  const prompts = readPrompts(path);
  const lengths = prompts.map((entry) => ({
    name: entry.name,
    tokens: encodePrompt(entry, { tokenizer: tiny, vocabSize: 2048, path }).promptIds.length,
  }));

  it('holds at least 8 prompts that each say why they are there', () => {
    expect(prompts.length).toBeGreaterThanOrEqual(8);
    expect(prompts.filter(({ why }) => (why ?? '').length < 20)).toEqual([]);
  });

  it.each(lengths)('$name has $tokens tokens with the tiny tokenizer', ({ tokens }) => {
    expect(tokens).toBeLessThan(SEQUENCE_LIMIT / 4);
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
    { name: 'no messages', json: [{ name: 'a', messages: [] }], message: /prompt "a" is empty/ },
    { name: 'no ids', json: [{ name: 'a', ids: [] }], message: /prompt "a" is empty/ },
    { name: 'a negative id', json: [{ name: 'a', ids: [-1] }], message: /ids\.0/ },
    { name: 'an id that is no integer', json: [{ name: 'a', ids: [1.5] }], message: /ids\.0/ },
    { name: 'a text as id', json: [{ name: 'a', ids: ['x'] }], message: /ids\.0/ },
    { name: 'null as id', json: [{ name: 'a', ids: [null] }], message: /ids\.0/ },
    {
      name: 'an object as id of a continuation',
      json: [{ name: 'a', ids: [1], continuation: [{}] }],
      message: /continuation\.0/,
    },
    {
      name: 'a fraction as id of a continuation',
      json: [{ name: 'a', ids: [1], continuation: [1.5] }],
      message: /continuation\.0/,
    },
    { name: 'a name of 121 letters', json: [{ name: 'a'.repeat(121), text }], message: /at most 120 letters/ },
    {
      name: 'an image',
      json: [{ name: 'a', messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }],
      message: /messages\.0\.content\.0\.type +only parts of type "text"/,
    },
    { name: 'tools beside a text', json: [{ name: 'a', text, tools: [] }], message: /only a chat template reads/ },
    {
      name: 'half a surrogate pair in a text',
      json: [{ name: 'a', text: 'x\ud800' }],
      message: /prompt "a" would be fed changed/,
    },
    {
      name: 'half a surrogate pair deep in a message',
      json: [{ name: 'a', messages: [{ role: 'user', content: text, more: [{ '\udc00': 1 }] }] }],
      message: /half a surrogate pair/,
    },
    {
      name: 'keys whose order is not kept',
      json: [{ name: 'a', messages: [{ role: 'user', content: text }], tools: [{ b: 1, 2: 1 }] }],
      message: /the key "2"/,
    },
    { name: 'a file that holds nothing', json: undefined, message: /array of at least one prompt/ },
  ])('refuses $name', ({ json, message }) => {
    expect(() => parsePrompts(json, 'prompts.json')).toThrow(InputError);
    expect(() => parsePrompts(json, 'prompts.json')).toThrow(message);
  });

  it('reads messages as chat services write them, null for what is not there', () => {
    const calls = [{ type: 'function', function: { name: 'f', arguments: { city: 'Austin' } } }];
    const messages = [
      { role: 'user', name: 'Ada', content: [{ type: 'text', text: 'Hi' }] },
      { role: 'assistant', content: null, tool_calls: calls },
      { role: 'tool', tool_call_id: 'x', content: '31' },
    ];
    const [entry] = parsePrompts([{ name: 'a', messages, tools: null, documents: null }], 'prompts.json');
    expect(entry).toEqual({ name: 'a', messages });
  });

  it('names an unreadable file', () => {
    expect(() => readPrompts(join(FIXTURES, 'prompts/none.json'))).toThrow(/none\.json/);
  });
});
