// Foreign text made safe for terminals, XML and Markdown.
import { describe, expect, it } from 'vitest';
import { printable } from './printable.ts';

describe('printable', () => {
  it.each([
    { what: 'a colour', text: 'a\u001b[31;1mb', shown: 'ab' },
    { what: 'a clear screen', text: '\u001b[2Ja', shown: 'a' },
    { what: 'a CSI of one byte', text: 'a\u009b2Jb', shown: 'ab' },
    { what: 'a cut CSI', text: 'a\u001b[3', shown: 'a' },
    { what: 'a window title', text: 'a\u001b]0;owned\u0007b', shown: 'ab' },
    { what: 'a link', text: 'a\u001b]8;;http://x\u001b\\b', shown: 'ab' },
    { what: 'an unclosed OSC, up to the end of its line', text: 'a\u001b]0;b\nc', shown: 'a\nc' },
    { what: 'a device control string', text: 'a\u001bPq#0\u001b\\b', shown: 'ab' },
    { what: 'an application command of one byte', text: 'a\u009fx\u009cb', shown: 'ab' },
    { what: 'a reset', text: 'a\u001bcb', shown: 'ab' },
    { what: 'a character set', text: 'a\u001b(0b', shown: 'ab' },
    { what: 'a bell, backspaces and a NUL', text: 'a\u0007\b\b\u0000b', shown: 'ab' },
    { what: 'a lone carriage return', text: 'PASS\rFAIL', shown: 'PASSFAIL' },
    { what: 'C1 controls', text: 'a\u0080\u0085\u0099b', shown: 'ab' },
    { what: 'bidi overrides and isolates', text: 'a\u202eb\u202c\u2066c\u2069\u200e\u200f\u061cd', shown: 'abcd' },
    { what: 'separators', text: 'a\u2028b\u2029c', shown: 'abc' },
    { what: 'a tab', text: 'a\tb', shown: 'a b' },
    { what: 'nothing of what is harmless', text: 'Ä 測試 😀 "\\x1b[" \u00a0€', shown: 'Ä 測試 😀 "\\x1b[" \u00a0€' },
  ])('takes away $what', ({ text, shown }) => {
    expect(printable(text, { keepsLines: true })).toBe(shown);
  });

  it('leaves no control character of any kind, whatever stands before and after it', () => {
    for (let code = 0; code < 0x2100; code++) {
      const character = String.fromCharCode(code);
      // An escape may take what belongs to it along; the first character is never part of it.
      const shown = printable(`x${character}m`);
      expect(shown).toMatch(/^x[^\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*$/u);
    }
  });

  it('keeps line breaks only where asked', () => {
    expect(printable('a\r\nb\nPASS  c')).toBe('a b PASS  c');
    expect(printable('a\r\nb\n', { keepsLines: true })).toBe('a\nb\n');
  });

  it('takes time in proportion to the text', () => {
    const long = '\u001b]'.repeat(200_000);
    expect(printable(long)).toBe('');
  });
});
