// What a run took: several processes together, and settings that say how fast, not what.
import { describe, expect, it } from 'vitest';
import type { SourceInfo } from '../../src/device/logits-source.ts';
import { addUsage, type RunUsage } from './run-usage.ts';
import { withoutThreads } from './source-info.ts';

const usage: RunUsage = {
  openMs: { golden: 1, actual: 20 },
  goldenMs: 300,
  actualMs: 4000,
  compareMs: 50_000,
  peakAnonymousBytes: 7,
  peakResidentBytes: 9,
};

describe('addUsage', () => {
  it('adds times and takes the larger memory', () => {
    const other: RunUsage = {
      openMs: { golden: 5, actual: 6 },
      goldenMs: 7,
      actualMs: 8,
      compareMs: 9,
      peakAnonymousBytes: 8,
      peakResidentBytes: 3,
    };
    expect(addUsage(usage, other)).toEqual({
      openMs: { golden: 6, actual: 26 },
      goldenMs: 307,
      actualMs: 4008,
      compareMs: 50_009,
      peakAnonymousBytes: 8,
      peakResidentBytes: 9,
    });
  });

  it('takes the memory of those whose system tells', () => {
    const silent = { ...usage, peakAnonymousBytes: null, peakResidentBytes: null };
    for (const both of [addUsage(usage, silent), addUsage(silent, usage)]) {
      expect(both).toMatchObject({ peakAnonymousBytes: 7, peakResidentBytes: 9 });
    }
    expect(addUsage(silent, silent)).toMatchObject({ peakAnonymousBytes: null, peakResidentBytes: null });
  });
});

describe('withoutThreads', () => {
  it('leaves out how many work on it, and nothing else', () => {
    const info: SourceInfo = {
      kind: 'n150-model',
      label: 'N150',
      model: 'tiny',
      weightsSha256: '0',
      dtypes: {},
      logitsFormat: 'BFP8_B',
      settings: { intraOpThreads: 2, Workers: 4, kvFormat: 'BFP8_B' },
    };
    expect(withoutThreads(info)).toEqual({ ...info, settings: { kvFormat: 'BFP8_B' } });
  });
});
