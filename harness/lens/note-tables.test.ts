// A token's ladder as the lens has it: the numbers of the log, a bar whose parts fill it, and no rung among the texts.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import type { TokenLadder } from '../ladder/ladders.ts';
import type { Change, OpError, WhyRecord } from '../record/why-record.ts';
import { noisyToy, runToy, TOY_VOCABULARY, toyCase, toyCaseOf } from '../run/toy-run.fixture.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { ladderTable, whyTable } from './note-tables.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-tables-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const LADDER: TokenLadder = {
  steps: [
    { step: 'weights', klNats: 0.1, pccGap: 0.01 },
    { step: 'formats', klNats: 0.4, pccGap: 0.04 },
    { step: 'arithmetic', klNats: 0.3, pccGap: 0.03 },
    { step: 'device', klNats: 0.5, pccGap: 0.05 },
  ],
  bf16: { klNats: 0.05, pccGap: 0.005 },
  word: 'formats',
};

describe('the ladder of a token', () => {
  it('has shares of the device, and a bar that is full and leaves out what cancels', () => {
    const [table] = ladderTable(LADDER);
    expect(table!.words).toBe('expected from the formats');
    expect(table!.rows.map(([, , share]) => share)).toEqual(['20 %', '60 %', '-20 %', '40 %', '']);
    expect(table!.bar).toEqual([
      [0, 16.67],
      [16.67, 50],
      [66.67, 0],
      [66.67, 33.33],
    ]);
  });

  it('has no bar where nothing is to be shared out, and is none where there is none', () => {
    const steps = LADDER.steps.map(({ step }) => ({ step, klNats: 0, pccGap: 0 }));
    expect(ladderTable({ ...LADDER, steps, bf16: null })[0]).not.toHaveProperty('bar');
    expect([ladderTable(undefined), whyTable(undefined)]).toEqual([[], []]);
  });

  it('is in report.html beside its token, whose rungs are no texts of the report', async () => {
    const reversed = (): ToySource =>
      new ToySource(TOY_VOCABULARY, (row) => {
        row.logits.reverse();
        return row;
      });
    const { spec } = toyCase('a', { toy: noisyToy, reversed });
    const [device, rung] = spec.variants;
    const variants = [device!, { ...rung!, name: 'toy/formats', ladder: { rung: 'formats' as const, of: 'toy' } }];
    const { folder } = await runToy(scratch, [toyCaseOf({ ...spec, variants }, { toy: noisyToy, reversed })]);
    const page = readFileSync(path.join(folder, 'report.html'), 'utf8');
    expect(page).not.toContain('toy/formats');
    const blocks = [...page.matchAll(/<script type="application\/octet-stream" id="t[^"]*">([^<]*)</g)];
    const texts = blocks.map(([, base64]) => inflateRawSync(Buffer.from(base64!, 'base64')).toString('utf8'));
    expect(texts).toHaveLength(3);
    for (const text of texts) expect(text).toContain('noise ladder');
  });
});

describe('what --why found of a token', () => {
  const op = (tap: string, ratio: number): OpError =>
    ({
      tap,
      op: 'norm',
      layer: 0,
      isolated: 0.5,
      healthy: 0.01,
      ratio,
      isBlamed: ratio > 1,
      span: [],
    }) as unknown as OpError;
  const change = (direction: Change['direction'], name: string, share: number): Change =>
    ({ direction, name, knobs: null, measure: { pcc: 0.9, klNats: 1 }, share }) as Change;
  const ops = [op('layers.0.input_layernorm.out', 0.4), op('layers.3.out', 7)];
  const words = 'A defect: of layer 3. Turn `x`.';
  const why = (changes: readonly Change[], recording: WhyRecord['recording'] = null): WhyRecord =>
    ({ words, ops, changes, recording }) as unknown as WhyRecord;

  it('begins with its conclusion, and leaves out changes that do nothing', () => {
    const [changes, operations] = whyTable(
      why([change('promotion', 'residual', 1), change('promotion', 'layer 0', 0.04), change('demotion', 'norm', 0)]),
    );
    expect(changes).toMatchObject({ words: 'A defect: of layer 3.', text: ' Turn x.' });
    expect(changes!.rows).toEqual([['heals: residual', '0.90000', '1.00', '100 %']]);
    expect(operations!.words).toBe('1 of 2 operations blamed, fed golden values');
    expect(operations!.rows.map(([name]) => name)).toEqual(['layer 3 out']);
  });

  it('of a recording is one table, of its operations', () => {
    const recording = { heldAgainst: 'n150', recordedTaps: 2, firstApart: null, notRecorded: [], notJudged: [] };
    const tables = whyTable(why([], recording));
    expect(tables).toHaveLength(1);
    expect(tables[0]).toMatchObject({
      words: 'A defect: of layer 3.',
      head: ['operation', 'error', 'usual', 'of limit'],
    });
  });
});
