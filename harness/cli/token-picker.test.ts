// Which token inspect takes: the one that is named, or an answer that leads to it.
import { describe, expect, it } from 'vitest';
import { tokenRecordExample } from '../record/token-record.fixture.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { type TokenChoice, TokenPicker } from './token-picker.ts';

/** Two prompts of three tokens; the last two of b fail, the very last worst. */
const TOKENS: readonly TokenRecord[] = ['a', 'b'].flatMap((prompt) =>
  [0, 1, 2].map((position) =>
    tokenRecordExample({
      prompt,
      position,
      ...(prompt === 'b' && position > 0 ? { status: 'failPcc', pcc: 0.5 - position / 10 } : {}),
    }),
  ),
);

/** A prompt of which two positions were judged. */
const GAP = [0, 5].map((position) => tokenRecordExample({ prompt: 'gap', position }));

function pick(choice: TokenChoice): string {
  const picker = new TokenPicker(choice);
  for (const token of [...TOKENS, ...GAP]) picker.add(token);
  const { prompt, position } = picker.picked();
  return `${prompt} ${position}`;
}

describe('the token of a run', () => {
  it.each([
    { name: 'nothing: the worst', choice: {}, is: 'b 2' },
    { name: 'the first failing', choice: { first: true }, is: 'b 1' },
    { name: 'the next after a failing one', choice: { prompt: 'b', token: 1, next: true }, is: 'b 2' },
    { name: 'the worst of a prompt', choice: { prompt: 'a', worst: true }, is: 'a 0' },
    { name: 'a prompt and a position', choice: { prompt: 'a', token: 2 }, is: 'a 2' },
  ])('by $name', ({ choice, is }) => {
    expect(pick(choice)).toBe(is);
  });

  it.each([
    { name: 'a position of several prompts', choice: { token: 1 }, says: /in 2 prompts[\s\S]*the worst: --prompt b/ },
    { name: 'a position beyond the end', choice: { token: 6 }, says: /position 6 [\s\S]*0 … 5[\s\S]*--token 5/ },
    { name: 'a position beyond the end of a prompt', choice: { prompt: 'a', token: 99 }, says: /0 … 2/ },
    {
      name: 'a position without a row',
      choice: { prompt: 'gap', token: 3 },
      says: /position 3 [\s\S]*judged[\s\S]*--token 5/,
    },
    { name: 'another prompt', choice: { prompt: 'c' }, says: /prompts +a, b, gap/ },
    { name: 'a failing one where none fails', choice: { prompt: 'a', first: true }, says: /no token fails/ },
  ])('is not $name, and the answer leads on', ({ choice, says }) => {
    expect(() => pick(choice)).toThrow(expect.objectContaining({ exitCode: 2, message: expect.stringMatching(says) }));
  });

  it('is none where no token was judged, and the answer says where the cause stands', () => {
    expect(() => new TokenPicker({}).picked()).toThrow(/no token of the run was judged[\s\S]*summary\.md/);
  });
});
