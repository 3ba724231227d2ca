// Tables without borders, and colours only where somebody sees them.
import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import { createChalk, plainTable } from './plain-table.ts';

describe('plainTable', () => {
  const rows = [
    ['a', '1', 'x'],
    ['long', '1000', ''],
  ];

  it('has columns two spaces apart, numbers to the right, and no space at the end of a line', () => {
    expect(plainTable(['name', 'n', 'more'], rows, 1, new Chalk({ level: 0 }))).toBe(
      ['name     n  more', 'a        1     x', 'long  1000'].join('\n'),
    );
    expect(plainTable(['name', 'n', 'more'], rows, 3, new Chalk({ level: 0 }))).toBe(
      ['name  n     more', 'a     1     x', 'long  1000'].join('\n'),
    );
  });

  it('has a dim header and no other colour of its own', () => {
    const text = plainTable(['n'], [['1']], 0, new Chalk({ level: 1 }));
    expect(text).toBe('\u001b[2mn\u001b[22m\n1');
  });
});

describe('createChalk', () => {
  const terminal = { level: 2, hasBasic: true, has256: true, has16m: false } as const;

  it('has the colours of the terminal, and none in a pipe', () => {
    expect(createChalk({}, terminal).level).toBe(2);
    expect(createChalk({ NO_COLOR: '' }, terminal).level).toBe(2);
    expect(createChalk({}, false).level).toBe(0);
  });

  it('has none under NO_COLOR, whatever its value', () => {
    expect(createChalk({ NO_COLOR: '1' }, terminal).level).toBe(0);
    expect(createChalk({ NO_COLOR: '0' }, terminal).level).toBe(0);
  });
});
