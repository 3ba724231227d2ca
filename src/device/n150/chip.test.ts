// What is derived from a model's widths and the compute grid: cores of every operation, chunks on attention's cores.
import { describe, expect, it } from 'vitest';
import { attentionCoresPerHead, chunkRuns, coreCounts, finalNormSplit, kBlocks, layerNormSplit } from './chip.ts';

const QWEN2_7B = { hiddenSize: 3584, intermediateSize: 18944, queryHeads: 28, keyValueHeads: 4 };

describe("Qwen2-7B's core counts", () => {
  it('are those of the specification on the 8x8 grid', () => {
    expect(coreCounts(QWEN2_7B, 8)).toEqual({
      layerNorm: { cores: 28, tilesPerCore: 4, firstStage: 28 },
      finalNorm: { cores: 56, tilesPerCore: 2, firstStage: 8 },
      qkv: 28,
      attentionPerHead: 16,
      o: 28,
      gateUp: 28,
      down: 16,
      lmHead: 56,
    });
  });

  it('lose two cores of attention on an 8x7 grid, and nothing else', () => {
    expect(coreCounts(QWEN2_7B, 7)).toEqual({ ...coreCounts(QWEN2_7B, 8), attentionPerHead: 14 });
  });

  it('shrink to rows that divide the width on an 8x4 grid', () => {
    expect(coreCounts(QWEN2_7B, 4)).toEqual({
      ...coreCounts(QWEN2_7B, 8),
      finalNorm: { cores: 16, tilesPerCore: 7, firstStage: 8 },
      attentionPerHead: 8,
      lmHead: 16,
    });
  });

  it('are refused on a grid without a core for each query head', () => {
    expect(() => coreCounts(QWEN2_7B, 3)).toThrow(expect.objectContaining({ code: 'GRID_TOO_SMALL', exitCode: 2 }));
    expect(() => coreCounts(QWEN2_7B, 3)).toThrow(/8x3.*\n.*24 cores\n.*28: a core for each query head/);
  });
});

describe("the layers' norms", () => {
  it.each([
    { width: 1536, split: { cores: 24, tilesPerCore: 2, firstStage: 8 } },
    { width: 2048, split: { cores: 32, tilesPerCore: 2, firstStage: 8 } },
    { width: 8192, split: { cores: 32, tilesPerCore: 8, firstStage: 8 } },
    { width: 256, split: { cores: 8, tilesPerCore: 1, firstStage: 8 } },
    { width: 896, split: { cores: 28, tilesPerCore: 1, firstStage: 28 } },
    { width: 100, split: { cores: 1, tilesPerCore: 4, firstStage: 1 } },
  ])(
    'of $width features are combined in two stages only where cores fill several rows of eight',
    ({ width, split }) => {
      expect(layerNormSplit(width, 8)).toEqual(split);
    },
  );
});

describe('kBlocks', () => {
  it.each([
    { k: 3584, in0BlockW: 1, blocks: 112 },
    { k: 18944, in0BlockW: 1, blocks: 592 },
    { k: 3584, in0BlockW: 4, blocks: 28 },
    { k: 48, in0BlockW: 1, blocks: 2 },
    { k: 160, in0BlockW: 2, blocks: 3 },
  ])('are $blocks of $in0BlockW tiles for K = $k', ({ k, in0BlockW, blocks }) => {
    expect(kBlocks(k, in0BlockW)).toBe(blocks);
  });
});

describe('norm splits', () => {
  it.each([
    { hiddenSize: 3584, gridRows: 8, layer: [28, 4], final: [56, 2] },
    { hiddenSize: 896, gridRows: 8, layer: [28, 1], final: [28, 1] },
    { hiddenSize: 576, gridRows: 8, layer: [18, 1], final: [18, 1] },
    { hiddenSize: 128, gridRows: 8, layer: [4, 1], final: [4, 1] },
    { hiddenSize: 48, gridRows: 8, layer: [1, 2], final: [1, 2] },
    { hiddenSize: 8192, gridRows: 8, layer: [32, 8], final: [64, 4] },
    { hiddenSize: 8192, gridRows: 7, layer: [32, 8], final: [32, 8] },
    { hiddenSize: 8192, gridRows: 2, layer: [16, 16], final: [16, 16] },
    { hiddenSize: 1152, gridRows: 8, layer: [18, 2], final: [18, 2] },
  ])('splits $hiddenSize features on $gridRows rows', ({ hiddenSize, gridRows, layer, final }) => {
    const layerSplit = layerNormSplit(hiddenSize, gridRows);
    const finalSplit = finalNormSplit(hiddenSize, gridRows);
    expect([layerSplit.cores, layerSplit.tilesPerCore]).toEqual(layer);
    expect([finalSplit.cores, finalSplit.tilesPerCore]).toEqual(final);
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

  it("shares the grid's cores among the key/value heads", () => {
    expect(attentionCoresPerHead(4, 8)).toBe(16);
    expect(attentionCoresPerHead(3, 8)).toBe(21);
    expect(attentionCoresPerHead(128, 8)).toBe(1);
    expect(attentionCoresPerHead(4, 7)).toBe(14);
  });
});
