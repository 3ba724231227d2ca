// Comparisons of toy devices from their logs: what fails or lacks numbers is said, and leaves the others as they are.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../../../src/errors.ts';
import type { CaseSpec } from '../../record/run-spec.ts';
import { runToy, TOY_VOCABULARY, type ToyDevices, toyCaseOf, toySpec } from '../../run/toy-run.fixture.ts';
import { ToySource } from '../../sequence/toy-source.fixture.ts';
import { type CompareRecord, CompareRecordSchema, formatCompareRecord } from './compare-record.ts';
import { concludeComparison } from './conclude-comparison.ts';
import { leagueMarkdown } from './league-table.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-conclude-comparison-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const changing = (change: (logits: Float32Array, position: number) => void) => (): ToySource =>
  new ToySource(TOY_VOCABULARY, (row) => {
    change(row.logits, row.position);
    return row;
  });
const slightly = changing((logits, position) => {
  logits[position % TOY_VOCABULARY]! += 0.125;
});
const much = changing((logits, position) => {
  for (let i = 0; i < TOY_VOCABULARY; i++) logits[i]! += 3 * Math.sign(((i * 7 + position) % 5) - 2);
});
const withNaN = changing((logits, position) => {
  logits[0]! += 0.125;
  if (position === 3) logits[1] = Number.NaN;
});
/** As a recording that lacks a prompt; the prompts of the toys have 5, 6 and 7 tokens of one id each. */
const failing = (isFailing: (id: number) => boolean) => (): ToySource =>
  new ToySource(TOY_VOCABULARY, (row) => {
    if (isFailing(row.tokenId)) {
      throw new InputError('rows.npy has no such prompt.', { code: 'RECORDING_LACKS_PROMPT', hint: 'record it.' });
    }
    row.logits[0]! += 0.125;
    return row;
  });

interface Toy {
  readonly devices: ToyDevices;
  readonly lengths?: readonly number[];
  readonly more?: readonly CaseSpec[];
}

/** The first device is the base's. */
async function compared({ devices, lengths = [40, 50, 60] }: Toy): Promise<CompareRecord> {
  const spec: CaseSpec = {
    name: 'general',
    model: 'toy',
    reference: { kind: 'onnx', precision: 'fp32' },
    tokenizerSha256: '0',
    eosTokenIds: [],
    prompts: lengths.map((length, i) => {
      return {
        name: `p${i}`,
        user: 0,
        promptIds: new Array<number>(length).fill(i),
        continuationIds: null,
        positions: null,
      };
    }),
    variants: Object.keys(devices).map((name) => ({ name, model: 'toy', device: { kind: 'n150', knobs: {} } })),
  };
  const cases = [toyCaseOf(spec, devices)];
  const plan = { ...toySpec(cases), limits: { maxNewTokens: 0, maxSeqLen: 4096 } };
  const { folder } = await runToy(scratch, cases, { spec: { ...plan, judge: { ...plan.judge, rules: [] } } });
  return concludeComparison(folder, {
    margins: { klNats: 0.005, top1: 0.01 },
    resampling: { resamples: 200, seed: 1 },
    files: { checkpointOf: () => undefined, configOf: () => undefined },
  }).record;
}

const entrant = ({ league }: CompareRecord, label: string) => league.find((one) => one.label === label)!;

describe('a comparison', () => {
  it('has what its schema says, and a row for each', async () => {
    const record = await compared({ devices: { n150: slightly, 'n150:b': much } });
    expect(CompareRecordSchema.parse(JSON.parse(formatCompareRecord(record)))).toEqual(record);
    expect(record).toMatchObject({ base: 'toy', case: 'general', tokens: 150, prompts: 3, leftOut: [], notes: [] });
    expect(entrant(record, 'toy')).toMatchObject({ word: 'base', readings: [], perplexityRatio: null });
    expect(entrant(record, 'n150:b')).toMatchObject({ word: 'worse', checkpoint: null, interaction: null });
    expect(leagueMarkdown(record)).toMatch(/\| n150:b \|.*\| worse \|/);
  });

  it('leaves out, for all, a prompt on which one fails, says whose fault it is, and compares the rest', async () => {
    const record = await compared({ devices: { n150: slightly, 'n150:b': much, 'n150:c': failing((id) => id === 1) } });
    expect(record).toMatchObject({ tokens: 100, prompts: 2, leftOut: ['p1'] });
    expect(record.notes).toEqual(['n150:c does not have whole: p1']);
    const without = await compared({ devices: { n150: slightly, 'n150:b': much }, lengths: [40, 50, 60] });
    expect(entrant(record, 'n150:b').word).toBe('undecided');
    expect(entrant(without, 'n150:b').word).toBe('worse');
    expect(leagueMarkdown(record)).toContain('left out, since not every entrant has them whole: p1');
  });

  it('goes on without an entrant that has no prompt at all, and says so', async () => {
    const record = await compared({ devices: { n150: slightly, 'n150:b': much, 'n150:c': failing(() => true) } });
    expect(record.league.map(({ label }) => label)).toEqual(['toy', 'n150:b']);
    expect(record.notes).toEqual(['n150:c is not in the league: no prompt of it is whole']);
    expect(record).toMatchObject({ tokens: 150, leftOut: [] });
  });

  it('is none where the base has no prompt: nothing is compared with a perfect one instead', async () => {
    const empty = compared({ devices: { n150: failing(() => true), 'n150:b': much } });
    await expect(empty).rejects.toMatchObject({ code: 'COMPARE_EMPTY' });
  });

  it('calls rows that are not finite undecided, with the reason, and never fine', async () => {
    const record = await compared({ devices: { n150: slightly, 'n150:b': withNaN, 'n150:c': slightly } });
    expect(entrant(record, 'n150:b').text).toBe(
      'undecided (KL: a difference is not finite; top-1: a difference is not finite)',
    );
    expect(entrant(record, 'n150:b').total.tokens).toBe(150);
    // The neighbour has its numbers.
    expect(entrant(record, 'n150:c').readings.map(({ difference }) => difference)).toEqual([0, 0, 0]);
  });

  it('of one prompt speaks for this prompt alone, and a prompt of one token is a token', async () => {
    const single = await compared({ devices: { n150: slightly, 'n150:b': much }, lengths: [200] });
    expect(entrant(single, 'n150:b').word).toBe('worse');
    expect(entrant(single, 'n150:b').readings[0]!.method).toBe('blocks, speaks for this prompt alone');
    const short = await compared({ devices: { n150: slightly, 'n150:b': much }, lengths: [1, 90, 90] });
    expect(short).toMatchObject({ tokens: 181, prompts: 3 });
    const one = await compared({ devices: { n150: slightly, 'n150:b': much }, lengths: [1] });
    expect(entrant(one, 'n150:b').text).toBe(
      'undecided (KL: too few tokens for an error; top-1: too few tokens for an error)',
    );
  });
});
