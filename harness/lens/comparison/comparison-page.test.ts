// The comparison in a run's report: there when compare.json is this run's, the same bytes each time, foreign names shown and nothing else.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  COMPARE_FILE,
  type CompareEntrant,
  type CompareRecord,
  formatCompareRecord,
} from '../../compare/league/compare-record.ts';
import { concludeComparison } from '../../compare/league/conclude-comparison.ts';
import { DEFAULT_MARGINS } from '../../compare/league/league.ts';
import { concludeRun } from '../../replay/conclude-run.ts';
import { readRun } from '../../replay/read-run.ts';
import { lensFragment } from '../../report/lens-link.ts';
import { noisyToy, runToy, TOY_VOCABULARY, toyCase } from '../../run/toy-run.fixture.ts';
import { ToySource } from '../../sequence/toy-source.fixture.ts';
import { writeLens } from '../write-lens.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-comparison-page-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const HOSTILE = '</svg><script>alert(1)</script>"\u202e';
/** Other numbers at every token. */
const far = (): ToySource =>
  new ToySource(TOY_VOCABULARY, (row) => {
    row.logits.reverse();
    return row;
  });
let folder: string;
let record: CompareRecord;

beforeAll(async () => {
  const made = await runToy(scratch, [toyCase('a', { noisy: noisyToy, far })]);
  folder = made.folder;
  const files = { checkpointOf: () => undefined, configOf: () => undefined };
  const resampling = { resamples: 200, seed: 1 };
  const { record: concluded } = concludeComparison(folder, { margins: DEFAULT_MARGINS, resampling, files });
  const sized = (entrant: CompareEntrant, i: number): CompareEntrant => ({
    ...entrant,
    label: i === 1 ? HOSTILE : entrant.label,
    storage: { bitsPerWeight: 16 - i, fileBytes: 3_000_000 - i * 1_000_000, encoding: i === 1 ? HOSTILE : null },
  });
  record = { ...concluded, base: HOSTILE, notes: [HOSTILE], league: concluded.league.map(sized) };
});

function report(): string {
  const replay = readRun(folder);
  return writeLens(concludeRun(replay), replay.highlights, folder)['report.html']!;
}

const write = (text: string): void => writeFileSync(path.join(folder, COMPARE_FILE), text);

describe('the page of a comparison', () => {
  it('comes before the verdict, the same bytes each time', () => {
    write(formatCompareRecord(record));
    const page = report();
    expect(page.indexOf('id="comparison"')).toBeGreaterThan(0);
    expect(page.indexOf('id="comparison"')).toBeLessThan(page.indexOf('id="verdict"'));
    expect(page).toContain('<title>Comparison ·');
    expect(report()).toBe(page);
  });

  it('has every entrant with its word, its panel, its point, and a link to its tokens', () => {
    const page = report();
    for (const { word, variants } of record.league) {
      expect(page).toContain(`class="word ${word}"`);
      const key = { case: record.case, variant: variants.total, user: 0 };
      for (const prompt of ['first', 'second', 'third'])
        expect(page).toContain(`href="${lensFragment({ ...key, prompt })}"`);
    }
    expect(page.match(/<figure class="panel/g)?.length).toBe(record.league.length);
    expect(page.match(/<figure class="pareto/g)?.length).toBe(1);
    expect(page.match(/<circle /g)?.length).toBe(record.league.length);
  });

  it('shows what is foreign, and runs nothing of it', () => {
    const page = report();
    expect(page).not.toContain(HOSTILE);
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('&lt;/svg&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;\\u202e');
  });

  it.each([
    { what: 'no JSON', text: () => '{"schemaVersion":' },
    { what: 'no league', text: () => '{}' },
    { what: "another run's league", text: () => formatCompareRecord({ ...record, runId: 'other' }) },
  ])('is not there for $what', ({ text }) => {
    write(text());
    expect(report()).not.toContain('id="comparison"');
  });
});
