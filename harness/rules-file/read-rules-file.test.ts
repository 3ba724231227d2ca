// Rules files as they stand on disk: found by name, read as data, refused with the place and the next step.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { QwenPccError } from '../../src/errors.ts';
import { findRulesFile, parseRulesFile, readRulesFile } from './read-rules-file.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-rules-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let rooms = 0;

function written(files: Readonly<Record<string, string>>): string {
  const folder = path.join(scratch, String(rooms++));
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content);
  return folder;
}
const write = (name: string, content: string) => path.join(written({ [name]: content }), name);

describe('a key that is none', () => {
  it.each([
    { file: { rule: [] }, place: 'rule', meant: 'rules' },
    { file: { plan: { weight: 'x' } }, place: 'plan.weight', meant: 'weights' },
    { file: { rules: [{ id: 'a' }, { id: 'b', treshold: 1 }] }, place: 'rules[1].treshold', meant: 'threshold' },
    { file: { rules: [{ id: 'a', applies: { varient: 'x' } }] }, place: 'rules[0].applies.varient', meant: 'variant' },
    { file: { rules: [{ id: 'a', loosened: { reson: 'x' } }] }, place: 'rules[0].loosened.reson', meant: 'reason' },
    { file: { rules: [{ id: 'a', metric: 'klmean' }] }, place: 'rules[0].metric', meant: 'klMean' },
    { file: { expected: [{ rul: 'x' }] }, place: 'expected[0].rul', meant: 'rule' },
    { file: { variants: [{ device: 'n150', weigths: 'x' }] }, place: 'variants[0].weigths', meant: 'weights' },
  ])('$place is refused with what was meant', ({ file, place, meant }) => {
    let said: unknown;
    try {
      parseRulesFile(file, 'f.json');
    } catch (error) {
      said = error;
    }
    expect(said).toMatchObject({ code: 'CONFIG_KEYS', exitCode: 2 });
    expect(String(said)).toContain(`did you mean ${meant} at ${place}?`);
  });
});

describe('a value that is none', () => {
  const loosened = { reason: 'r', owner: 'o', expires: '2027-01-31' };
  it.each([
    { what: 'a date', entry: { loosened: { ...loosened, expires: '31.01.2027' } } },
    { what: 'a day that does not exist', entry: { loosened: { ...loosened, expires: '2027-02-30' } } },
    { what: 'an empty owner', entry: { loosened: { ...loosened, owner: ' ' } } },
    { what: 'a reason of two lines', entry: { loosened: { ...loosened, reason: 'a\nPASS' } } },
    { what: 'a name that moves a terminal', entry: { id: '\u001b[2J' } },
    { what: 'an infinite limit', entry: { threshold: 'Infinity' } },
    { what: 'the metric of a hard rule', entry: { metric: 'nonFinite' } },
  ])('$what is refused', ({ entry }) => {
    expect(() => parseRulesFile({ rules: [{ id: 'a', ...entry }] }, 'f')).toThrow('rules[0]');
  });

  it('whatever it is, is refused by name', () => {
    const anything = fc.oneof(fc.jsonValue(), fc.record({ rules: fc.array(fc.jsonValue()), expected: fc.jsonValue() }));
    fc.assert(
      fc.property(anything, (value) => {
        try {
          parseRulesFile(value, 'f');
        } catch (error) {
          if (!(error instanceof QwenPccError)) throw error;
        }
      }),
    );
  });
});

describe('the file', () => {
  it('of that name is found in the working folder, unless none is wanted or another is named', async () => {
    const folder = written({ 'qwen-pcc.config.json': '{}', 'other.json': '{"rules":[]}' });
    const here = process.cwd();
    process.chdir(folder);
    try {
      expect((await findRulesFile(undefined, folder))?.content).toEqual({});
      expect(await findRulesFile(false, folder)).toBeUndefined();
      expect((await findRulesFile('other.json', folder))?.content).toEqual({ rules: [] });
    } finally {
      process.chdir(here);
    }
    expect(await findRulesFile(undefined, written({}))).toBeUndefined();
  });

  it('is one', async () => {
    const folder = written({ 'qwen-pcc.config.json': '{}', 'qwen-pcc.config.mjs': '' });
    await expect(findRulesFile(undefined, folder)).rejects.toMatchObject({ code: 'CONFIG_TWICE', exitCode: 2 });
  });

  it('may be a module whose default export is data', async () => {
    const file = write(
      'qwen-pcc.config.mjs',
      'export default { rules: [{ id: ["top", 1].join(""), threshold: 1 - 0.1 }] };',
    );
    expect((await readRulesFile(file)).content).toEqual({ rules: [{ id: 'top1', threshold: 0.9 }] });
  });

  it('in TypeScript is run where Node can, and refused with the next step where it cannot', async () => {
    const file = write(
      'qwen-pcc.config.ts',
      'const limit: number = 0.9; export default { rules: [{ id: "top1", threshold: limit }] };',
    );
    const read = readRulesFile(file);
    if ('typescript' in process.features && process.features.typescript) {
      expect((await read).content.rules).toHaveLength(1);
    } else {
      await expect(read).rejects.toMatchObject({ code: 'CONFIG_FILE', hint: expect.stringContaining('Node 22.18') });
    }
  });

  it.each([
    { what: 'JSON that is none', name: 'a.json', content: '{"rules": [}' },
    { what: 'bytes that are no UTF-8', name: 'a.json', content: '\ud800' },
    { what: 'a module without a default', name: 'a.mjs', content: 'export const rules = [];' },
    { what: 'a module that throws', name: 'a.mjs', content: 'throw new Error("no");' },
    { what: 'a module of a function', name: 'a.mjs', content: 'export default () => ({});' },
    { what: 'a module of circles', name: 'a.mjs', content: 'const a = {}; a.a = a; export default a;' },
  ])('is refused for $what', async ({ name, content }) => {
    const error = await readRulesFile(write(name, content)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    // Half a surrogate is written as U+FFFD, which is UTF-8 and no JSON.
    expect(error).toMatchObject({ code: 'CONFIG_FILE', exitCode: 2, hint: expect.any(String) });
  });

  it.each([
    { name: 'a.json', content: '{"rules": [{"id": "top1", "threshold": 1}], "rules": []}', found: 'rules twice' },
    { name: 'a.json', content: '{"rules": [{}, {"id": "a,{", "i\\u0064": "b"}]}', found: 'rules[1].id twice' },
    {
      name: 'a.mjs',
      content: 'export default (async () => ({ rules: [] }))();',
      found: 'a Promise at the default export',
    },
    { name: 'a.mjs', content: 'export default { rules: () => [] };', found: 'a function at rules' },
    {
      name: 'a.mjs',
      content: 'export default { rules: [{ threshold: ({}).none }] };',
      found: 'undefined at rules[0].threshold',
    },
    {
      name: 'a.mjs',
      content: 'export default { rules: [{ threshold: Number("x") }] };',
      found: 'NaN at rules[0].threshold',
    },
  ])('is refused where a part of it would go unread: $found', async ({ name, content, found }) => {
    await expect(readRulesFile(write(name, content))).rejects.toMatchObject({
      code: 'CONFIG_FILE',
      facts: { found: expect.stringContaining(found) },
    });
  });

  it('that a shell has just emptied is said to be', async () => {
    await expect(readRulesFile(write('a.json', '\n'))).rejects.toMatchObject({
      code: 'CONFIG_FILE',
      hint: expect.stringContaining('send it to another one'),
    });
  });

  it('may have equal keys in several objects', async () => {
    const content = '{"rules": [{"id": "top1", "reason": "\\"id\\":"}, {"id": "kl-mean", "reason": "id"}]}';
    expect((await readRulesFile(write('a.json', content))).content.rules).toHaveLength(2);
  });

  it.each([
    { what: 'nothing', file: () => path.join(scratch, 'nowhere.json') },
    { what: 'a folder', file: () => written({}) },
  ])('is refused when it is $what', async ({ file }) => {
    await expect(readRulesFile(file())).rejects.toMatchObject({ code: 'CONFIG_FILE' });
  });
});
