// The parts of a report: escaping, words of the verdict, pictures of whole rows, kept taps.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { goldenRowExample } from '../metrics/random-rows.fixture.ts';
import type { RuleResult } from '../record/verdict.ts';
import { html, scriptJson } from './html.ts';
import { keptTapsText, readKeptTaps, TAPS_FOLDER, tokenId } from './kept-taps.ts';
import { BLOCK, rowPicture } from './row-picture.ts';
import { levelOf } from './sequence-columns.ts';
import { distanceWords, rulesInOrder } from './verdict-words.ts';
import { visibleText } from './visible-text.ts';

describe('html', () => {
  it('escapes what it is given, and not what it made', () => {
    const inner = html`<b>${'<&>"\''}</b>`;
    expect(html`<p title="${'"'}">${inner}${null}${[1, 'x']}</p>`.text).toBe(
      '<p title="&quot;"><b>&lt;&amp;&gt;&quot;&#39;</b>1x</p>',
    );
  });
});

describe('scriptJson', () => {
  it('can neither end its element nor its line', () => {
    const value = { a: '</script><!--\u2028\u2029' };
    expect(scriptJson(value)).not.toMatch(/[<\u2028\u2029]/);
    expect(JSON.parse(scriptJson(value))).toEqual(value);
  });
});

describe('visibleText', () => {
  it.each([
    { text: 'plain, 日本 🙂\n\t', expected: 'plain, 日本 🙂\n\t' },
    { text: '\u0000\u001b', expected: '\\u0000\\u001b' },
    { text: '\u202eabc\u2066\u200f', expected: '\\u202eabc\\u2066\\u200f' },
    { text: 'a\ud800b', expected: 'a\\ud800b' },
    { text: '\ufeff\u00ad', expected: '\\ufeff\\u00ad' },
  ])('writes $expected', ({ text, expected }) => {
    expect(visibleText(text)).toBe(expected);
  });

  it('cuts what nobody reads, and says how long it was', () => {
    expect(visibleText('x'.repeat(5000), 10)).toBe(`${'x'.repeat(10)}… (5000 characters)`);
  });
});

const rule = (change: Partial<RuleResult>): RuleResult =>
  ({ observed: 0.58, threshold: 0.79, ideal: 1, op: '>=', headroom: -1, status: 'fail', ...change }) as RuleResult;

describe('distanceWords', () => {
  it.each([
    { change: {}, expected: '0.21 below the limit, 2 times what is allowed' },
    { change: { observed: 0.895, headroom: 0.5, status: 'pass' as const }, expected: '50 % of the room left' },
    { change: { observed: 3, threshold: 0, ideal: 0, op: '<=' as const }, expected: '3 instead of 0' },
    { change: { observed: 0, threshold: 0, ideal: 0, status: 'pass' as const }, expected: 'as it must be' },
    { change: { observed: null }, expected: '' },
  ])('says $expected', ({ change, expected }) => {
    expect(distanceWords(rule(change))).toBe(expected);
  });
});

describe('rulesInOrder', () => {
  it('begins with what is broken, and keeps the table’s order else', () => {
    const [a, b, c, d] = ['pass', 'fail', 'tooFewTokens', 'invalid'].map((status) =>
      rule({ status: status as RuleResult['status'] }),
    );
    expect(rulesInOrder([a!, b!, c!, d!])).toEqual([b, d, a, c]);
  });
});

describe('levelOf', () => {
  it('is a logarithmic scale from 1e-6 to 10, with a level for nothing', () => {
    expect([0, 1e-6, 1e-3, 10, 100, Number.NaN].map(levelOf)).toEqual([0, 0, 107, 250, 250, 255]);
  });
});

describe('rowPicture', () => {
  const golden = (): Float32Array => goldenRowExample(4 * BLOCK, 3);

  it('puts equal rows on the diagonal, all differences into the middle', () => {
    const picture = rowPicture(golden(), golden(), 'evidence/x');
    const cells = [...Buffer.from(picture.density, 'base64')];
    const offDiagonal = cells.filter((level, i) => level > 0 && i % 64 !== Math.floor(i / 64));
    expect(offDiagonal).toEqual([]);
    expect(cells.filter((level) => level > 0).length).toBeGreaterThan(30);
    expect(picture.errors[24]).toBe(4 * BLOCK);
    expect(picture.errorMax).toBe(0);
    expect(picture.blocks).toEqual([]);
  });

  it('names dead, constant, swapped, unrelated and unfinite blocks', () => {
    const actual = golden();
    const source = golden();
    actual.fill(0, 0, BLOCK);
    actual.set(source.subarray(3 * BLOCK), BLOCK);
    actual.set(source.subarray(2 * BLOCK, 3 * BLOCK).toReversed(), 2 * BLOCK);
    actual[3 * BLOCK + 7] = Number.NaN;
    expect(rowPicture(golden(), actual, 'x').blocks).toEqual([
      { block: 0, kind: 'dead', pcc: null },
      { block: 1, kind: 'swapped', holds: 3, pcc: expect.any(Number) },
      { block: 2, kind: 'unrelated', pcc: expect.any(Number) },
      { block: 3, kind: 'notFinite', pcc: null },
    ]);
    actual.fill(1.5, 0, BLOCK);
    expect(rowPicture(golden(), actual, 'x').blocks[0]).toEqual({ block: 0, kind: 'constant', pcc: null });
  });

  it('finds the tile with the largest difference', () => {
    const actual = golden();
    actual[2 * BLOCK + 5 * 32 + 1]! += 8;
    const tiles = [...Buffer.from(rowPicture(golden(), actual, 'x').tiles, 'base64')];
    expect(tiles.indexOf(255)).toBe(64 + 5);
    expect(tiles.filter((level) => level > 0)).toEqual([255]);
  });
});

describe('kept taps', () => {
  it('come back by their token; what is no such file is left out', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-taps-'));
    const key = { case: 'a', variant: 'v', prompt: '../x', user: 0, position: 3 };
    mkdirSync(path.join(folder, TAPS_FOLDER));
    const taps = [{ tap: 'norm.out' as const, pcc: 0.5, relL2: null }];
    writeFileSync(path.join(folder, TAPS_FOLDER, 'a.json'), keptTapsText(key, { taps }));
    writeFileSync(path.join(folder, TAPS_FOLDER, 'b.json'), '{"case":');
    expect([...readKeptTaps(folder)]).toEqual([[tokenId(key), [['norm.out', 0.5, null]]]]);
    rmSync(folder, { recursive: true });
    expect(readKeptTaps(folder).size).toBe(0);
  });
});
