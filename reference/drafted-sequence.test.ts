// How much a sequence guesses: other tokens and a chain, all of it a chain where the text repeats itself; what was guessed is no part of it.
import { describe, expect, it } from 'vitest';
import { DraftedSequence } from './drafted-sequence.ts';
import type { Guesses } from './prompt-lookup.ts';

const CONFIG = { layers: 1, keyValueHeads: 1, headDim: 2 } as ConstructorParameters<typeof DraftedSequence>[0];

/** Feeds a token as the reference does: from a draft, or by a pass that makes the guessed rows along. @returns what a pass guessed. */
function feed(sequence: DraftedSequence, tokenId: number, most = 15): Guesses | 'drafted' {
  const row = sequence.takeDraft(tokenId);
  if (row !== undefined) {
    expect(row).toEqual(logitsOf(tokenId));
    return 'drafted';
  }
  sequence.dropDrafts();
  const guess = sequence.guess(tokenId, most);
  sequence.cache.write(0, sequence.length, keysOf(tokenId));
  sequence.append([tokenId]);
  for (const id of guess.others) {
    sequence.cache.write(0, sequence.length, keysOf(id));
    sequence.addDraft({ tokenId: id, logits: logitsOf(id), kept: [keysOf(id)] });
  }
  for (const [i, id] of guess.chain.entries()) {
    sequence.cache.write(0, sequence.length + i, keysOf(id));
    sequence.addDraft({ tokenId: id, logits: logitsOf(id) });
  }
  return guess;
}

const logitsOf = (tokenId: number): Float32Array => Float32Array.of(tokenId, 1);
const keysOf = (tokenId: number) => ({ keys: Float32Array.of(tokenId, 2), values: Float32Array.of(tokenId, 3) });
const passesOf = (made: readonly (Guesses | 'drafted')[]): number[][] =>
  made.flatMap((one) => (one === 'drafted' ? [] : [[one.others.length, one.chain.length]]));

describe('guesses', () => {
  it('are a chain of six and others, all a chain after one that was right to its end, and others again after a wrong one', () => {
    const sequence = new DraftedSequence(CONFIG, 15);
    const text = Array.from({ length: 20 }, (_, i) => 100 + i);
    const made = [...text, ...text, ...text, 7].map((id) => feed(sequence, id));
    expect(passesOf(made.slice(0, 20))).toEqual(text.map((_, i) => [Math.min(i + 1, 15), 0]));
    expect(passesOf(made.slice(20))).toEqual([
      [9, 6],
      [0, 15],
      [0, 15],
      [0, 15],
      [15, 0],
    ]);
    expect(sequence.length).toBe(61);
  });

  it('are three where each row takes time, and never more than there is room for', () => {
    const sequence = new DraftedSequence(CONFIG, 3);
    const made = [1, 2, 3, 4, 5, 1].map((id) => feed(sequence, id));
    expect(passesOf(made).at(-1)).toEqual([1, 2]);
    expect(feed(sequence, 9)).toEqual({ chain: [], others: [9, 1, 5] });
    expect(feed(sequence, 8, 2)).toEqual({ chain: [], others: [8, 9] });
    expect(feed(sequence, 7, 0)).toEqual({ chain: [], others: [] });
  });

  it('are fewer the longer a text is, since each looks at all of it', () => {
    const counts = [545, 546, 4095, 8191, 8192].map((length) => {
      const sequence = new DraftedSequence(CONFIG, 15);
      sequence.append(Array.from({ length }, (_, i) => i));
      const { chain, others } = sequence.guess(3, 15);
      return chain.length + others.length;
    });
    expect(counts).toEqual([15, 14, 2, 1, 0]);
  });

  it('leave keys and values of the text alone, whichever of them comes', () => {
    for (const guesses of [15, 3]) {
      const sequence = new DraftedSequence(CONFIG, guesses);
      const text = [5, 6, 5, 7, 5, 6, 6, 6, 6, 5, 7, 8, 5, 6, 5, 5, 5, 5, 5, 5, 5, 6, 9];
      for (const id of text) feed(sequence, id);
      const { keys, values } = sequence.cache.of(0);
      expect([...(keys.data as Float32Array)]).toEqual(text.flatMap((id) => [id, 2]));
      expect([...(values.data as Float32Array)]).toEqual(text.flatMap((id) => [id, 3]));
    }
  });

  it('are no part of the sequence, whatever becomes of it', () => {
    const sequence = new DraftedSequence(CONFIG, 15);
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
