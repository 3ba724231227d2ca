import { expect, it } from 'vitest';
import type { CompareEntrant, CompareRecord } from '../../compare/league/compare-record.ts';
import { shortLeague } from './short-league.ts';

const total = { pccMinimum: 0.5, pccMedian: 0.99, top1: 0.875, klMean: 0.25 };
const base = {
  label: 'model.gguf',
  word: 'base',
  total,
  storage: { bitsPerWeight: 6.155 },
  perplexityRatio: null,
  checkpoint: null,
  device: { klMean: 0.25 },
};

it('has a row an entrant: its name without the common device, its differences, its word', () => {
  const variant = {
    ...base,
    label: 'n150:kvFormat=BF16@gptq',
    word: 'worse',
    perplexityRatio: { value: 1.25, lower: 1, upper: 1.5 },
    checkpoint: { klMean: 0.125 },
  };
  const knobs = { ...base, label: 'n150:kvFormat=BF16', word: 'better', storage: null, device: null };
  const league = [base, variant, knobs] as unknown as readonly CompareEntrant[];
  expect(shortLeague({ league } as CompareRecord).split('\n')).toEqual([
    '| entrant | bits/weight | PCC lowest | PCC median | top-1 | PPL ratio | Q | D | T | verdict |',
    '| --- | --: | --: | --: | --: | --: | --: | --: | --: | --- |',
    '| `model.gguf` | 6.16 | 0.50000 | 0.99000 | 87.5 % |  |  | 0.250 | 0.250 | base |',
    '| `gptq` | 6.16 | 0.50000 | 0.99000 | 87.5 % | 1.250 | 0.125 | 0.250 | 0.250 | worse |',
    '| `n150:kvFormat=BF16` |  | 0.50000 | 0.99000 | 87.5 % |  |  |  | 0.250 | better |',
  ]);
});
