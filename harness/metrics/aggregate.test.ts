// Spreads and shares over tokens, against values worked out by hand.
import { describe, expect, it } from 'vitest';
import { type SampledMetric, shareUpTo, spreadControl, summarizeSample } from './aggregate.ts';
import { sortSample } from './quantile.ts';

const sampleOf = (n: number, lists: Partial<Record<SampledMetric, number[]>>) => ({
  n,
  values: (metric: SampledMetric) => sortSample(Float64Array.from(lists[metric] ?? [])),
});

describe('summarizeSample', () => {
  it('has spreads, shares, medians and the ratio of perplexities', () => {
    const summary = summarizeSample(
      sampleOf(6, {
        pcc: [0.9, 1, 0.8, 0.95, 0.85],
        klNats: [0.4, 0, 0.2],
        goldenRankOnActual: [1, 1, 5, 6, 10, 11],
        isRealFlip: [1, 0, 1, 0],
        isNearTie: [0, 1, 0, 0],
        isTie: [1, 1, 0, 1],
        maxAbs: [0.5, 3, 1],
        gain: [0.9, 1.1, 1],
        offset: [0.1, 0.3],
        nmseDb: [-30, -20, -10],
        logRatio: [Math.LN2, -Math.LN2 * 3],
      }),
    );
    expect(summary).toEqual({
      n: 6,
      pcc: {
        undefinedCount: 1,
        min: 0.8,
        p1: expect.closeTo(0.802, 12),
        p5: expect.closeTo(0.81, 12),
        p50: 0.9,
        mean: expect.closeTo(0.9, 12),
        max: 1,
      },
      klNats: {
        mean: expect.closeTo(0.2, 12),
        se: expect.closeTo(0.2 / Math.sqrt(3), 12),
        p50: 0.2,
        p90: expect.closeTo(0.36, 12),
        p99: expect.closeTo(0.396, 12),
        max: 0.4,
      },
      top1: 2 / 6,
      top5: 3 / 6,
      top10: 5 / 6,
      flips: { real: 2, nearTie: 1, tie: 3 },
      rankP99: expect.closeTo(10.95, 12),
      maxAbs: 3,
      gain: 1,
      offset: expect.closeTo(0.2, 12),
      nmseDb: -20,
      // Mean of the logarithms is -ln 2, so the device is twice as perplexed; their standard error is 2 ln 2.
      pplRatio: { value: expect.closeTo(2, 12), se: expect.closeTo(4 * Math.LN2, 12) },
    });
  });

  it('says null, not zero, of what no token has', () => {
    expect(summarizeSample(sampleOf(2, {}))).toEqual({
      n: 2,
      pcc: null,
      klNats: null,
      top1: null,
      top5: null,
      top10: null,
      flips: { real: 0, nearTie: 0, tie: 0 },
      rankP99: null,
      maxAbs: null,
      gain: null,
      offset: null,
      nmseDb: null,
      pplRatio: null,
    });
  });

  it('has no ratio of perplexities from one token, which has no error', () => {
    expect(summarizeSample(sampleOf(1, { logRatio: [0.1] })).pplRatio).toBeNull();
  });
});

describe('spreadControl', () => {
  it('has the middle, the tail and the largest', () => {
    const values = sortSample(Float64Array.from({ length: 101 }, (_, i) => i / 100));
    expect(spreadControl(values, 0.5)).toEqual({
      n: 101,
      min: 0,
      p5: 0.05,
      p50: 0.5,
      p95: 0.95,
      p99: 0.99,
      max: 1,
      reachMinimum: 51 / 101,
    });
    expect(spreadControl(values.subarray(0, 0) as typeof values, 0.5)).toBeNull();
  });
});

describe('shareUpTo', () => {
  it('counts the limit in', () => {
    const values = sortSample(Float64Array.of(1, 2, 3, 4));
    expect(shareUpTo(values, 3)).toBe(0.75);
    expect(shareUpTo(values.subarray(0, 0) as typeof values, 3)).toBeNull();
  });
});
