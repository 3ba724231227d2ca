// JSON of prompt files: what would be changed by reading it is refused with the reason.
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { readPromptJson } from './prompt-json.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-prompt-json-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const path = join(scratch, 'prompts.json');
const read = (content: string | Uint8Array): unknown => {
  writeFileSync(path, content);
  return readPromptJson(path, 'a list');
};

describe('readPromptJson', () => {
  it('keeps whole numbers and fractions, and does not look for numbers in texts', () => {
    const json = { a: [0, -3, 9007199254740991, 0.25, -1.5], b: '1.0 \\" 1e9', '2.0"': { c: 'x\\' } };
    expect(read(JSON.stringify(json))).toEqual(json);
  });

  it.each([
    {
      what: 'a byte order mark',
      content: '\ufeff[]',
      says: /begins with a byte order mark[\s\S]*save it as UTF-8 without BOM/,
    },
    { what: 'UTF-16', content: Buffer.from('\ufeff[]', 'utf16le'), says: /bytes of UTF-16/ },
    {
      what: 'a byte that is no UTF-8',
      content: Buffer.from([0x5b, 0x22, 0xc3, 0xa9, 0x41, 0xff, 0x22, 0x5d]),
      says: /a wrong byte at 5/,
    },
    { what: 'text that is no JSON', content: '[1,', says: /cannot be read as JSON/ },
    { what: 'a whole number with a point', content: '[\n{"a": 31.0}]', says: /31\.0 in line 2\n +read as +31/ },
    { what: 'a whole number with an exponent', content: '[1e3]', says: /1e3 in line 1/ },
    { what: 'an integer that is rounded', content: '[9007199254740993]', says: /read as +9007199254740992/ },
    { what: 'a fraction that Python writes otherwise', content: '["\\"", 1e-7]', says: /1e-7 in line 1/ },
  ])('refuses $what', ({ content, says }) => {
    expect(() => read(content)).toThrow(InputError);
    expect(() => read(content)).toThrow(says);
  });

  it('refuses a file that no text can hold, before it is read', () => {
    writeFileSync(path, '');
    truncateSync(path, 2 ** 29);
    expect(() => readPromptJson(path, 'a list')).toThrow(/too large[\s\S]*split it/);
  });
});
