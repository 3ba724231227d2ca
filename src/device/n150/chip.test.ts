// What is derived from a model's widths: cores of the norms, chunks on attention's cores.
import { describe, expect, it } from 'vitest';
import { attentionCoresPerHead, chunkRuns, finalNormSplit, layerNormSplit } from './chip.ts';

describe('norm splits', () => {
  it.each([
    { hiddenSize: 3584, layer: [28, 4], final: [56, 2] },
    { hiddenSize: 896, layer: [28, 1], final: [28, 1] },
    { hiddenSize: 576, layer: [18, 1], final: [18, 1] },
    { hiddenSize: 128, layer: [4, 1], final: [4, 1] },
    { hiddenSize: 48, layer: [1, 2], final: [1, 2] },
    { hiddenSize: 8192, layer: [32, 8], final: [64, 4] },
  ])('splits $hiddenSize features over $layer and $final cores and tiles', ({ hiddenSize, layer, final }) => {
    const layerSplit = layerNormSplit(hiddenSize);
    const finalSplit = finalNormSplit(hiddenSize);
    expect([layerSplit.cores, layerSplit.tilesPerCore]).toEqual(layer);
    expect([finalSplit.cores, finalSplit.tilesPerCore]).toEqual(final);
  });

  it("combines Qwen2-7B's final norm in rows of eight", () => {
    expect(finalNormSplit(3584).firstStage).toBe(8);
    expect(layerNormSplit(3584).firstStage).toBe(28);
  });
});

describe('chunkRuns', () => {
  it('gives each chunk a core while there are enough, the last one to the reducer', () => {
    expect(chunkRuns(3, 16)).toEqual([
      { first: 2, end: 3 },
      { first: 1, end: 2 },
      { first: 0, end: 1 },
    ]);
  });

  it('gives contiguous runs beyond, longer ones at the beginning of the sequence', () => {
    expect(chunkRuns(10, 4)).toEqual([
      { first: 8, end: 10 },
      { first: 6, end: 8 },
      { first: 3, end: 6 },
      { first: 0, end: 3 },
    ]);
  });

  it.each([1, 15, 16, 17, 100, 128])('covers %d chunks once', (chunks) => {
    const runs = chunkRuns(chunks, 16);
    expect(runs[0]!.end).toBe(chunks);
    expect(runs.at(-1)!.first).toBe(0);
    for (let core = 1; core < runs.length; core++) expect(runs[core]!.end).toBe(runs[core - 1]!.first);
  });

  it('shares 64 cores among the key/value heads', () => {
    expect(attentionCoresPerHead(4)).toBe(16);
    expect(attentionCoresPerHead(3)).toBe(21);
    expect(attentionCoresPerHead(128)).toBe(1);
  });
});
