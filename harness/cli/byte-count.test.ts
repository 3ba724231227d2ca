// Sizes on the command line: bytes, or with a unit; anything else is a usage error that shows an example.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { byteCount } from './option-values.ts';

describe('byteCount', () => {
  it.each([
    { text: '1', bytes: 1 },
    { text: '8589934592', bytes: 8 * 2 ** 30 },
    { text: '8GiB', bytes: 8 * 2 ** 30 },
    { text: '1.5 gib', bytes: 1.5 * 2 ** 30 },
    { text: '512MiB', bytes: 512 * 2 ** 20 },
    { text: '3G', bytes: 3 * 2 ** 30 },
    { text: '200m', bytes: 200 * 2 ** 20 },
    { text: '8GB', bytes: 8e9 },
    { text: '0.5 MB', bytes: 5e5 },
  ])('reads $text', ({ text, bytes }) => {
    expect(byteCount('--memory')(text)).toBe(bytes);
  });

  it.each(['', '0', '-1', '8TB', '8B', 'GiB', '1e9', '99999999GiB'])('refuses "%s"', (text) => {
    expect(() => byteCount('--memory')(text)).toThrow(UsageError);
    expect(() => byteCount('--memory')(text)).toThrow(/for example --memory 8GiB/);
  });
});
