// How much a sequence guesses: more while guesses are right, the surest only where they are wrong; what was guessed is no part of it.
import { describe, expect, it } from 'vitest';
import { DraftedSequence } from './drafted-sequence.ts';

const CONFIG = { layers: 1, keyValueHeads: 1, headDim: 2 } as ConstructorParameters<typeof DraftedSequence>[0];
const ROW = Float32Array.of(1, 2);

/** Feeds a token as the reference does: from a draft, or by a pass that makes the guessed rows along. @returns tokens guessed in a pass. */
function feed(sequence: DraftedSequence, tokenId: number, most = 7): number[] | 'drafted' {
  if (sequence.takeDraft(tokenId) !== undefined) return 'drafted';
  sequence.dropDrafts();
  const guess = sequence.guess(tokenId, most);
  sequence.append([tokenId]);
  for (const id of guess) sequence.addDraft({ tokenId: id, logits: ROW });
  return guess;
}

describe('guesses', () => {
  it('are one token at first, and longer each time that all were right', () => {
    const sequence = new DraftedSequence(CONFIG);
    const made = Array.from({ length: 20 }, () => feed(sequence, 5));
    expect(made.map((one) => (one === 'drafted' ? one : one.length)).filter((one) => one !== 'drafted')).toEqual([
      0, 1, 3, 7, 7,
    ]);
    expect(sequence.length).toBe(20);
  });

  it('are short again after a wrong one, and are never more than there is room for', () => {
    const sequence = new DraftedSequence(CONFIG);
    for (let i = 0; i < 8; i++) feed(sequence, 5);
    expect(feed(sequence, 6)).toEqual([]);
    expect(feed(sequence, 5)).toEqual([6]);
    expect(feed(sequence, 6)).toBe('drafted');
    expect(feed(sequence, 5, 2)).toHaveLength(2);
  });

  it('are made from long endings only, once three in a row were wrong, until one is right', () => {
    const sequence = new DraftedSequence(CONFIG);
    const guessed = [1, 2, 1, 3, 1, 4, 1, 5].map((id) => feed(sequence, id));
    expect(guessed).toEqual([[], [], [2], [], [3], [], [4], []]);
    expect(feed(sequence, 1)).toEqual([]);
    expect(feed(sequence, 3)).toEqual([]);
    expect(feed(sequence, 1)).toEqual([4]);
    expect(feed(sequence, 4)).toBe('drafted');
    expect(feed(sequence, 9)).toEqual([]);
    expect(feed(sequence, 1)).toEqual([4, 9, 1]);
  });

  it('are no part of the sequence, whatever becomes of it', () => {
    const sequence = new DraftedSequence(CONFIG);
    for (const id of [5, 5]) feed(sequence, id);
    expect(sequence.length).toBe(2);
    sequence.truncate(2);
    expect(sequence.takeDraft(5)).toBeUndefined();
    sequence.truncate(1);
    expect(sequence.length).toBe(1);
    sequence.truncate(9);
    expect(sequence.length).toBe(1);
  });
});
