// Error messages: whatever a foreign file puts into them, they stay short, on their own lines, and without commands to a terminal.
import { describe, expect, it } from 'vitest';
import { InputError, listNames } from './errors.ts';

const numbered = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${i + 1}. unused`, `tensor ${i}`]));

describe('the message of an error', () => {
  it('aligns facts and ends with the hint', () => {
    const error = new InputError('file: it is broken.', {
      code: 'BROKEN',
      facts: { found: 1, 'wanted here': 'two' },
      hint: 'mend it',
    });
    expect(error.message).toBe('file: it is broken.\n  found        1\n  wanted here  two\n  hint: mend it');
  });

  it('shows ten of 300,000 facts and says how many are left out', () => {
    // Names that are indices, since an object of as many other names takes a second to make.
    const many = Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [i, `tensor ${i}`]));
    const { message, facts } = new InputError('many', { code: 'MANY', facts: many, hint: 'h' });
    expect(message.split('\n')).toHaveLength(13);
    expect(message).toContain('\n  9  tensor 9\n  and 299990 more\n  hint: h');
    expect(Object.keys(facts)).toHaveLength(300_000);
  });

  it('shows all of eleven facts, since the line about the eleventh would be as long', () => {
    const { message } = new InputError('many', { code: 'MANY', facts: numbered(11) });
    expect(message).toContain('tensor 10');
    expect(message).not.toContain('more');
  });

  it('cuts a fact and a subject of a million characters', () => {
    const long = 'x'.repeat(1_000_000);
    const { message } = new InputError(long, { code: 'LONG', facts: { [long]: long } });
    expect(message.length).toBeLessThan(4000);
    expect(message).toContain('… (1000000 characters)');
  });

  it('lets no escape sequence, line break or direction mark of a foreign name through', () => {
    const name = 'a\u001b[2J\nPASS  all\u202e';
    const { message } = new InputError(`${name}: broken.`, { code: 'X', facts: { [name]: name }, hint: name });
    expect(message.split('\n')).toEqual([
      'a PASS  all: broken.',
      '  a PASS  all  a PASS  all',
      '  hint: a',
      '        PASS  all',
    ]);
  });
});

describe('listNames', () => {
  it('names ten and counts the rest', () => {
    expect(listNames(['a', 'b'])).toBe('a, b');
    expect(listNames(Array.from({ length: 12 }, (_, i) => `${i}`))).toBe('0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more');
    expect(listNames(Array.from({ length: 11 }, (_, i) => `${i}`))).not.toContain('more');
  });

  it('cuts a name that is longer than any real one', () => {
    expect(listNames(['x'.repeat(1_000_000)])).toBe(`${'x'.repeat(99)}…`);
  });
});
