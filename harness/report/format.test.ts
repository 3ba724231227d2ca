// How numbers and texts read in every report.
import { describe, expect, it } from 'vitest';
import {
  countOf,
  formatBytes,
  formatDuration,
  formatPcc,
  formatPosition,
  formatShare,
  formatSmall,
  formatValue,
  quoteText,
  ruleHeadroom,
} from './format.ts';
import { inspectCommandOf, type NamedTokens } from './inspect-hint.ts';

describe('numbers', () => {
  it('say that there is none', () => {
    for (const format of [formatPcc, formatSmall, formatShare, formatValue]) expect(format(null)).toBe('none');
  });

  it('are a PCC with five decimals and a share in per cent with one', () => {
    expect([0.999994, 0.999996, -1].map(formatPcc)).toEqual(['0.99999', '1.00000', '-1.00000']);
    expect([0, 0.12345, 1].map(formatShare)).toEqual(['0.0 %', '12.3 %', '100.0 %']);
  });

  it.each([
    { value: 0, text: '0' },
    { value: 0.001, text: '0.00100' },
    { value: -0.001, text: '-0.00100' },
    { value: 0.000_999, text: '9.99e-4' },
    { value: -0.000_5, text: '-5.00e-4' },
    { value: 12.345, text: '12.3' },
    { value: 99_999, text: '1.00e+5' },
    { value: -100_000, text: '-1.00e+5' },
    { value: 123_456, text: '1.23e+5' },
    { value: Number.NEGATIVE_INFINITY, text: '-Infinity' },
    { value: Number.NaN, text: 'NaN' },
  ])('have three significant digits where they are small quantities: $text', ({ value, text }) => {
    expect(formatSmall(value)).toBe(text);
  });

  it.each([
    { value: 3, text: '3' },
    { value: 1e21, text: '1e+21' },
    { value: 12_345_678, text: '12345678' },
    { value: 0.79, text: '0.79' },
    { value: 0.123_456_78, text: '0.123457' },
    { value: Number.POSITIVE_INFINITY, text: 'Infinity' },
  ])('are whole, or have six digits without zeros at the end, where a rule observes them: $text', ({ value, text }) => {
    expect(formatValue(value)).toBe(text);
  });

  it.each([
    { ms: 0, text: '0.0 s' },
    { ms: 1250, text: '1.3 s' },
    { ms: 59_949, text: '59.9 s' },
    { ms: 59_950, text: '1 min 0 s' },
    { ms: 60_000, text: '1 min 0 s' },
    { ms: 119_600, text: '2 min 0 s' },
    { ms: 3_725_400, text: '62 min 5 s' },
  ])('are $text for $ms ms', ({ ms, text }) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it.each([
    { bytes: 1023, text: '1023 B' },
    { bytes: 1024, text: '1.0 KiB' },
    { bytes: 1536, text: '1.5 KiB' },
    { bytes: 2 ** 20, text: '1.0 MiB' },
    { bytes: 2 ** 30 - 2 ** 26, text: '960.0 MiB' },
    { bytes: 2 ** 30, text: '1.0 GiB' },
    { bytes: 2.5 * 2 ** 40, text: '2560.0 GiB' },
  ])('are $text for $bytes bytes', ({ bytes, text }) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('have the plural that they need', () => {
    expect([0, 1, 2].map((count) => countOf(count, 'token'))).toEqual(['0 tokens', '1 token', '2 tokens']);
  });

  it('name a position, and its step where it has one', () => {
    expect(formatPosition(40, null)).toBe('position 40');
    expect(formatPosition(40, 0)).toBe('position 40 (decode step 0)');
  });

  it('are the share of a limit that is left, and below zero where it is broken', () => {
    expect(ruleHeadroom({ headroom: -1.384, threshold: 0.79, ideal: 1 })).toBe('-138 %');
  });
});

describe('quoted texts', () => {
  it.each([
    { text: 'x'.repeat(40), expected: `"${'x'.repeat(40)}"` },
    { text: 'x'.repeat(41), expected: `"${'x'.repeat(40)}…"` },
    { text: 'a\\xg1\\xE6\\xEg\\xe6', expected: '"a\\\\xg1\\xE6\\\\xEg\\\\xe6"' },
    { text: '\u007f\u009f\u00a0', expected: '"\\u007f\\u009f\u00a0"' },
    { text: '\u2028\u2029\ufffe\uffff', expected: '"\\u2028\\u2029\\ufffe\\uffff"' },
  ])('show what cannot be seen, and end after 40 characters: $expected', ({ text, expected }) => {
    expect(quoteText(text)).toBe(expected);
  });

  it('end where they are asked to', () => {
    expect(quoteText('abc', 2)).toBe('"ab…"');
  });
});

describe('the command that shows a token', () => {
  const key = { case: 'a', variant: 'v', prompt: 'p', user: 0, position: 3 };
  const caseOf = (...variants: (readonly { name: string; user: number }[])[]): NamedTokens['cases'][number] => ({
    variants: variants.map((prompts) => ({ prompts })),
  });
  const [p, q] = [
    { name: 'p', user: 0 },
    { name: 'q', user: 0 },
  ];

  it.each([
    { name: 'one case', cases: [caseOf([p, q])], words: '--prompt p' },
    { name: 'another case with another prompt', cases: [caseOf([p]), caseOf([q])], words: '--prompt p' },
    {
      name: 'another case with another row of it',
      cases: [caseOf([p]), caseOf([{ ...p, user: 1 }])],
      words: '--prompt p',
    },
    { name: 'two cases that have it', cases: [caseOf([p]), caseOf([q, p])], words: '--case a --prompt p' },
    {
      name: 'two cases, one of which has it on one variant only',
      cases: [caseOf([p], [q]), caseOf([p])],
      words: '--case a --variant v --prompt p',
    },
    { name: 'two variants', cases: [caseOf([p], [p])], words: '--variant v --prompt p' },
    { name: 'two variants of another case', cases: [caseOf([p]), caseOf([q], [q])], words: '--variant v --prompt p' },
  ])('has no more words than it takes: $name', ({ cases, words }) => {
    expect(inspectCommandOf({ cases }, key, 'reports/x')).toBe(`qwen-pcc inspect reports/x ${words} --token 3`);
  });

  it('has the row of a batch', () => {
    const cases = [caseOf([{ name: 'p', user: 2 }])];
    expect(inspectCommandOf({ cases }, { ...key, user: 2 }, 'x')).toBe(
      'qwen-pcc inspect x --prompt p --user 2 --token 3',
    );
  });

  it('can be pasted into a shell, whatever the names are', () => {
    const cases = [caseOf([{ name: "it's $HOME", user: 0 }])];
    expect(inspectCommandOf({ cases }, { ...key, prompt: "it's $HOME" }, 'my runs/x')).toBe(
      "qwen-pcc inspect 'my runs/x' --prompt 'it'\\''s $HOME' --token 3",
    );
    expect(inspectCommandOf({ cases }, { ...key, prompt: '' }, '/a_1/b@c%d+e=f:g,h.i-j')).toBe(
      "qwen-pcc inspect /a_1/b@c%d+e=f:g,h.i-j --prompt '' --token 3",
    );
  });
});
