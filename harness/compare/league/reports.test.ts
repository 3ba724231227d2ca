// The league for people and for tt-metal's sweep: cells, reasons and footnotes, names that break no table, what passes the sweep's bar.
import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import { type CompareEntrant, type CompareRecord, CompareRecordSchema, formatCompareRecord } from './compare-record.ts';
import { leagueCells, leagueMarkdown, leagueText } from './league-table.ts';
import { sweepResults } from './sweep-results.ts';

const summary = {
  tokens: 100,
  ...{ pccMinimum: 0.9, pccP1: 0.95, pccMedian: 0.99, klMean: 0.02, klMedian: 0.01, klP99: 0.125 },
  ...{ top1: 0.9, top5: 0.98, top100: 1, realFlips: 0.05, regretMean: 0.03125 },
};

function entrant(change: Partial<CompareEntrant> = {}): CompareEntrant {
  return {
    label: 'q4',
    model: 'q4',
    variants: { checkpoint: 'onnx@q4', device: 'n150@q4 against onnx@q4', total: 'n150@q4' },
    storage: { bitsPerWeight: 4.5, fileBytes: 3 * 2 ** 20, encoding: 'GGUF' },
    deviceStorage: { weightBytes: 2.88e9, cacheBytesPerToken: 816, tokensPerSecondMax: 99.96 },
    checkpoint: { ...summary, klMean: 0.0125 },
    device: { ...summary, klMean: 0.00625 },
    total: summary,
    interaction: { amplified: 2, cancelled: 1 },
    perplexityRatio: { value: 1.02, lower: 1.01, upper: 1.04 },
    classical: { unit: 'prompts', signFlipP: 0.25, wilcoxonP: null, gained: 3, lost: 11, mcNemarP: 0.0574 },
    word: 'worse',
    text: 'KL worse (+0.0200 nat)',
    readings: [],
    ...change,
  };
}

function record(...league: CompareEntrant[]): CompareRecord {
  return {
    schemaVersion: '1.0.0',
    runId: 'id',
    command: 'qwen-pcc compare base q4',
    ...{ base: 'base', case: 'general', tokens: 100, prompts: 8, leftOut: [] },
    margins: { klNats: 0.005, top1: 0.01 },
    resampling: { resamples: 10_000, seed: 1 },
    speedFormula: 'tokens/s <= bandwidth / bytes',
    notes: [],
    league,
  };
}
const base = entrant({ label: 'base', word: 'base', text: 'base', perplexityRatio: null, interaction: null });

describe('a table', () => {
  it('has the numbers of an entrant in the order of its header', () => {
    expect(leagueCells(entrant())).toEqual([
      ...['q4', '4.50', '3.0 MiB', '100.0', '0.90000', '0.95000', '0.99000', '0.0200', '0.0100', '0.125'],
      ...['90.0 %', '5.0 %', '0.0313', '1.020 ± 0.015', '0.0125', '0.00625', '0.0200', 'worse'],
    ]);
  });

  it('is empty where a recording has no files, and no Q or D', () => {
    const cells = leagueCells(
      entrant({ storage: null, deviceStorage: null, checkpoint: null, device: null, perplexityRatio: null }),
    );
    expect(cells.slice(1, 4)).toEqual(['', '', '']);
    expect(cells.slice(-5, -2)).toEqual(['', 'none', 'none']);
  });

  it('gives every word its reason, what interacts, and what was left out', () => {
    const text = leagueText(
      { ...record(base, entrant()), leftOut: ['p1', 'p2[3]'], notes: ['a note'] },
      new Chalk({ level: 0 }),
    );
    expect(text).toContain('q4: KL worse (+0.0200 nat); T is far from Q + D on 3 tokens (2 amplified, 1 cancelled)\n');
    expect(text).not.toContain('base: base');
    expect(text).toContain(
      '100 tokens of 8 prompts, paired; margins 0.005 nat and 1 points of top-1; 10000 resamples, seed 1.',
    );
    expect(text).toContain('left out, since not every entrant has them whole: p1, p2[3]\na note\n');
    expect(leagueText(record(base, entrant()), new Chalk({ level: 0 }))).not.toContain('left out');
  });

  it('in Markdown keeps its columns whatever a file is called', () => {
    const lines = leagueMarkdown(record(base, entrant({ label: 'a|b*_`<x>' }))).split('\n');
    expect(lines[0]).toBe('# Comparison with base');
    const rows = lines.filter((line) => line.startsWith('|'));
    expect(rows.map((line) => line.split(/(?<!\\)\|/).length)).toEqual([20, 20, 20, 20]);
    expect(rows[3]).toContain('a\\|b\\*\\_\\`\\<x\\>');
  });
});

describe('compare.json', () => {
  it('comes back as it was written, and no record without a label is written', () => {
    const whole = record(base, entrant());
    expect(CompareRecordSchema.parse(JSON.parse(formatCompareRecord(whole)))).toEqual(whole);
    expect(() => formatCompareRecord(record(entrant({ label: '' })))).toThrow(/label/);
    expect(() => formatCompareRecord({ ...whole, schemaVersion: '2.0.0' })).toThrow(/this version reads/);
    expect(() => formatCompareRecord(record(entrant({ total: { ...summary, top1: 1.5 } })))).toThrow(/top1/);
  });
});

describe('sweep_results.json', () => {
  const candidates = (...league: CompareEntrant[]) =>
    (
      JSON.parse(
        sweepResults(record(...league), () => ({ weightFormat: 'BFP8_B', mlpFormat: 'BFP4_B', qkvFidelity: 'HiFi2' })),
      ) as {
        candidates: Record<string, unknown>[];
      }
    ).candidates;

  it('has one candidate an entrant, with its formats and fidelities by role', () => {
    expect(candidates(base, entrant())[1]).toMatchObject({
      config_id: 'q4',
      dtype_policy: { weights: 'BFP8_B', mlp: 'BFP4_B', kv_cache: null },
      compute_fidelity_policy: { qkv: 'HiFi2', sdpa: null },
      ...{ top1: 0.9, top5: 0.98, top100: 1, token_count: 100, pass: true },
      performance_metric: { value: 99.96, measured: false },
    });
  });

  it.each([
    { what: 'at the bar', change: {}, pass: true },
    { what: 'below in top-1', change: { top1: 0.899 }, pass: false },
    { what: 'below in top-5', change: { top5: 0.979 }, pass: false },
    { what: 'without a number', change: { top1: null }, pass: false },
  ])('$what passes: $pass', ({ change, pass }) => {
    expect(candidates(entrant({ total: { ...summary, ...change } }))[0]!['pass']).toBe(pass);
  });

  it('selects nothing, and has no speed where none is known', () => {
    const json = JSON.parse(sweepResults(record(entrant({ deviceStorage: null })), () => undefined)) as Record<
      string,
      unknown
    >;
    expect(json).toMatchObject({
      selected_config_id: null,
      reference: 'base',
      candidates: [{ performance_metric: null, dtype_policy: null }],
    });
  });
});
