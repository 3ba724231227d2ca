// How much a sequence guesses: more while guesses are right; what was guessed is no part of it.
import { describe, expect, it } from 'vitest';
import { DraftedSequence } from './drafted-sequence.ts';

const CONFIG = { layers: 1, keyValueHeads: 1, headDim: 2 } as ConstructorParameters<typeof DraftedSequence>[0];
const ROW = Float32Array.of(1, 2);

/** Feeds a token as the reference does: from a draft, or by a pass that makes the guessed rows along. @returns tokens guessed in a pass. */
function feed(sequence: DraftedSequence, tokenId: number, most = 15): number[] | 'drafted' {
  if (sequence.takeDraft(tokenId) !== undefined) return 'drafted';
  sequence.dropDrafts();
  const guess = sequence.guess(tokenId, most);
  sequence.append([tokenId]);
  for (const id of guess) sequence.addDraft({ tokenId: id, logits: ROW });
  return guess;
}

describe('guesses', () => {
  it('are three tokens at first, and more each time that all were right', () => {
    const sequence = new DraftedSequence(CONFIG);
    const made = Array.from({ length: 45 }, () => feed(sequence, 5));
    expect(made.map((one) => (one === 'drafted' ? one : one.length)).filter((one) => one !== 'drafted')).toEqual([
      0, 3, 7, 15, 15,
    ]);
    expect(sequence.length).toBe(45);
  });

  it('are few again after a wrong one, and are never more than there is room for', () => {
    const sequence = new DraftedSequence(CONFIG);
    for (let i = 0; i < 14; i++) feed(sequence, 5);
    expect(feed(sequence, 6)).toEqual([]);
    expect(feed(sequence, 5)).toEqual([6, 5, 6]);
    for (const id of [6, 5, 6]) expect(feed(sequence, id)).toBe('drafted');
    expect(feed(sequence, 5, 2)).toHaveLength(2);
  });

  it('stop where a text is so long that their attention costs more than they save', () => {
    const sequence = new DraftedSequence(CONFIG);
    sequence.append(Array.from({ length: 8191 }, () => 5));
    expect(feed(sequence, 5)).toHaveLength(3);
    for (let i = 0; i < 3; i++) feed(sequence, 5);
    expect(feed(sequence, 5)).toEqual([]);
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
