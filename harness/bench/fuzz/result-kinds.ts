// Kinds of files that a run leaves or is held against: baselines, bundles, folders of runs over time, ttnn's comparison records.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { z } from 'zod';
import { encodeSafetensorsHeader } from '../../../src/checkpoint/safetensors.ts';
import { EMBED_TOKENS } from '../../../src/checkpoint/tensor-names.ts';
import { baselineOfRun } from '../../baseline/baseline-of-run.ts';
import { BaselineTokens } from '../../baseline/baseline-tokens.ts';
import { fitPlan } from '../../baseline/fit.ts';
import { judgeBaseline } from '../../baseline/judge-baseline.ts';
import {
  BUNDLE_FILE,
  BUNDLE_SCHEMA_VERSION,
  type BundleRecord,
  BundleRecordSchema,
  ROWS_FILE,
  WEIGHTS_PREFIX,
} from '../../bundle/bundle-record.ts';
import { encodeFloatTensors } from '../../bundle/float-tensors.ts';
import { type JudgedContext, judgeRows, numbersOf } from '../../bundle/judge-rows.ts';
import { openBundle } from '../../bundle/read-bundle.ts';
import { replayed, replayText } from '../../bundle/replay-text.ts';
import { packArchive } from '../../bundle/zip-file.ts';
import { readBaselineFile } from '../../cli/baseline-file.ts';
import { HISTORY_VERSION, HistoryRecordSchema } from '../../history/history-record.ts';
import { historyText } from '../../history/history-text.ts';
import { pairedWords, readRuns, runFoldersBelow } from '../../history/read-history.ts';
import { seriesOf } from '../../history/series.ts';
import { historyPage } from '../../lens/history/history-page.ts';
import { type Baseline, formatBaseline, heldAgainst } from '../../record/baseline.ts';
import { guardWrite } from '../../record/file-errors.ts';
import { readRunRecord } from '../../record/json-schema.ts';
import type { TokenRecord } from '../../record/token-record.ts';
import { besideBaseline } from '../../replay/read-baseline.ts';
import { readRun } from '../../replay/read-run.ts';
import { caseId, type RunReplay } from '../../replay/run-replay.ts';
import { RECORDS_SUFFIX, readComparisonRecords } from '../../ttnn/comparison-records.ts';
import { comparisonText } from '../../ttnn/comparison-text.ts';
import { uniformValues } from '../random-values.ts';
import { type Draws, damageBytes, damageJson, damageLines } from './damage.ts';
import { headerDamaged, type Kind } from './kinds.ts';

const PLAIN = new Chalk({ level: 0 });
/** What a damaged file does to the intervals is seen on few resamples as well. */
const RESAMPLING = { resamples: 50, seed: 1 };

/** What is made of the whole run once, and then damaged. */
interface Seed {
  readonly baseline: Baseline;
  readonly bundle: Bundle;
}

interface Bundle {
  readonly record: BundleRecord;
  /** Of the archive beside the record, by name. */
  readonly entries: Readonly<Record<string, Buffer>>;
}

const WEIGHTS_FILE = 'model.safetensors';
/** Two rows of an embedding of 16, and a tensor behind them. */
const SLICE = { file: WEIGHTS_FILE, tensor: EMBED_TOKENS, rows: [1, 3], of: 16 };
const WEIGHTS = Buffer.concat([
  encodeSafetensorsHeader(
    [
      { name: EMBED_TOKENS, dtype: 'BF16', shape: [2, 8] },
      { name: 'model.norm.weight', dtype: 'BF16', shape: [8] },
    ],
    {},
  ),
  Buffer.alloc(48, 0x3c),
]);

const seedsMade = new Map<string, Seed>();
function seedOf(seeds: string): Seed {
  const known = seedsMade.get(seeds) ?? makeSeed(seeds);
  seedsMade.set(seeds, known);
  return known;
}

function makeSeed(seeds: string): Seed {
  const tokens = new BaselineTokens();
  const records: TokenRecord[] = [];
  const replay = readRun(join(seeds, 'runs/last'), (record) => {
    tokens.add(record);
    records.push(record);
  });
  const baseline = baselineOfRun(
    {
      ...besideBaseline(replay, tokens),
      run: replay.run,
      verdict: 'pass',
      summaryOf: (name, variant) => replay.gate.summarizeVariant(name, variant),
    },
    { reason: 'the first state', acceptedAt: replay.run.startedAt, before: undefined },
  );
  const { state } = baseline;
  return { baseline: { ...baseline, earlier: [state, state] }, bundle: bundleOf(replay, records[0]!) };
}

/** A bundle of a token, with made-up rows and the numbers that they have. */
function bundleOf({ run, cases }: RunReplay, { inputToken, ...key }: TokenRecord): Bundle {
  const one = run.spec.cases.find(({ name }) => name === key.case)!;
  const prompt = one.prompts.find(({ name, user }) => name === key.prompt && user === key.user)!;
  const { golden, device, vocabSize } = cases.get(caseId(key))!;
  const values = uniformValues(vocabSize, 7);
  const rows = { golden: values, actual: values.map((value, i) => value + 0.01 * values[(i + 1) % vocabSize]!) };
  const context: JudgedContext = {
    spec: {
      ...run.spec,
      cases: [{ ...one, prompts: [prompt], variants: one.variants.filter(({ name }) => name === key.variant) }],
    },
    key: { case: key.case, variant: key.variant, prompt: key.prompt, user: key.user, position: key.position },
    tokenIds: prompt.promptIds.slice(0, key.position + 1),
    promptLength: prompt.promptIds.length,
    nextTokenId: inputToken.golden,
    sides: { golden, actual: device },
    vocabSize,
    logitsFormat: device.logitsFormat,
  };
  const token = numbersOf(judgeRows(context, rows, (id) => `<id ${id}>`));
  const entries = {
    [ROWS_FILE]: Buffer.from(encodeFloatTensors(new Map(Object.entries(rows)))),
    [`${WEIGHTS_PREFIX}${WEIGHTS_FILE}`]: WEIGHTS,
  };
  const record: BundleRecord = {
    ...{ schemaVersion: BUNDLE_SCHEMA_VERSION, tool: run.tool },
    run: { runId: run.runId, command: run.command, notes: run.notes },
    ...context,
    ...{ rowsFrom: 'evidence', token, logged: token, taps: [], texts: [], slices: [SLICE], files: listed(entries) },
  };
  return { record, entries };
}

function listed(entries: Bundle['entries']): BundleRecord['files'] {
  return Object.entries(entries).map(([name, bytes]) => {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { name, bytes: bytes.length, sha256 };
  });
}

function archive(record: string | Buffer, entries: Bundle['entries']): Buffer {
  const others = Object.entries(entries).map(([name, bytes]) => ({ name, bytes }));
  return packArchive([{ name: BUNDLE_FILE, bytes: Buffer.from(record) }, ...others]);
}

/** The archive's bytes, what it says, or a file in it; with digests and checksums that fit again, so that more than those are tried. */
function damagedBundle({ record, entries }: Bundle, draws: Draws): Buffer {
  const text = JSON.stringify(z.encode(BundleRecordSchema, record));
  const place = draws.below(10);
  if (place < 3) return damageBytes(archive(text, entries), draws);
  if (place < 7) return archive(damageJson(text, draws), entries);
  const name = draws.of(Object.keys(entries));
  const whole = entries[name]!;
  const bytes =
    place < 9 ? headerDamaged(whole, 8 + Number(whole.readBigUInt64LE(0)), draws) : damageBytes(whole, draws);
  const damaged = { ...entries, [name]: bytes };
  return archive(JSON.stringify(z.encode(BundleRecordSchema, { ...record, files: listed(damaged) })), damaged);
}

const record = (id: number, pcc: string): string =>
  `{"tensor_id": ${id}, "golden_tensor_id": ${id + 90}, "matches": ${id % 2 === 0}, "desired_pcc": 0.9999, "actual_pcc": ${pcc}}`;
const RECORDS = `{"tensors": [{"tensor_id": 7}], "local_tensor_comparison_records": [${record(7, '0.5')}, ${record(8, '1.0')}], "global_tensor_comparison_records": [${record(8, '0.9')}]}`;
/** As Python writes it, which no parser of JSON takes. */
const RECORDS_WITH_NAN = RECORDS.replace('0.5', 'NaN').replace('0.9}', '-Infinity}');
const OPERATIONS = JSON.stringify([
  { name: 'ttnn.linear', arguments: {}, output_tensor_ids: [7, 8] },
  { name: 'ttnn.embedding', arguments: {}, output_tensor_ids: [10, null] },
  { name: 'ttnn.deallocate', arguments: {} },
]);

function copyRun(seeds: string, run: string): void {
  mkdirSync(run);
  for (const name of ['run.jsonl', 'run.json']) copyFileSync(join(seeds, 'runs/last', name), join(run, name));
}

export const RESULT_KINDS: readonly Kind[] = [
  {
    name: 'baselines',
    share: 2,
    hasOneCode: true,
    make(folder, draws, seeds) {
      const text = formatBaseline(seedOf(seeds).baseline);
      writeFileSync(join(folder, 'baseline.json'), damageJson(text, draws));
      copyRun(seeds, join(folder, 'run'));
    },
    read(folder) {
      const tokens = new BaselineTokens();
      const replay = readRun(join(folder, 'run'), (one) => tokens.add(one));
      const baseline = readBaselineFile(join(folder, 'baseline.json'));
      fitPlan(baseline, replay.run.spec);
      judgeBaseline(heldAgainst(baseline), besideBaseline(replay, tokens), RESAMPLING);
      formatBaseline(baseline);
    },
    commands(folder) {
      const [run, baseline] = [join(folder, 'run'), join(folder, 'baseline.json')];
      return [
        ['history', run, '--baseline', baseline],
        ['baseline', 'update', run, '--baseline', baseline, '--accept-fail', '--reason', 'tried'],
      ];
    },
  },
  {
    name: 'bundles',
    share: 5,
    make(folder, draws, seeds) {
      writeFileSync(join(folder, 'token.qpcc'), damagedBundle(seedOf(seeds).bundle, draws));
    },
    read(folder) {
      const bundle = openBundle(join(folder, 'token.qpcc'));
      replayText(replayed(bundle, []), bundle.token, PLAIN);
      const weights = join(folder, 'weights');
      mkdirSync(weights);
      if (bundle.hasWeights) guardWrite(weights, () => bundle.extractWeights(weights));
    },
    commands: (folder) => [
      ['replay', join(folder, 'token.qpcc')],
      ['replay', join(folder, 'token.qpcc'), '--rerun'],
    ],
  },
  {
    name: 'runs over time',
    share: 2,
    make(folder, draws, seeds) {
      const runs = ['a', 'b'].map((name) => join(folder, name));
      for (const run of runs) copyRun(seeds, run);
      const name = draws.of(['run.jsonl', 'run.json']);
      const text = readFileSync(join(runs[0]!, name), 'utf8');
      const damaged = name === 'run.json' ? damageJson(text, draws) : damageLines(text, draws);
      writeFileSync(join(draws.of(runs), name), damaged);
    },
    read(folder) {
      const { runs, leftOut } = readRuns(runFoldersBelow(folder));
      const history = {
        schemaVersion: HISTORY_VERSION,
        series: seriesOf(runs, pairedWords()),
        baseline: null,
        leftOut,
      };
      z.encode(HistoryRecordSchema, history);
      historyPage(history);
      historyText(history, PLAIN);
      // Left out by name is what a refusal is here; the code is that of the reader.
      for (const { folder: refused } of leftOut) {
        readRunRecord(refused);
        readRun(refused);
      }
    },
    commands: (folder) => [['history', folder, '--html', join(folder, 'history.html')]],
  },
  {
    name: 'ttnn records',
    share: 6,
    hasOneCode: true,
    make(folder, draws) {
      const operations = draws.below(3) === 0 ? damageJson(OPERATIONS, draws) : OPERATIONS;
      const records =
        operations !== OPERATIONS
          ? RECORDS_WITH_NAN
          : draws.chance(60)
            ? damageJson(RECORDS, draws)
            : damageBytes(Buffer.from(RECORDS_WITH_NAN), draws);
      writeFileSync(join(folder, `run${RECORDS_SUFFIX}`), records);
      writeFileSync(join(folder, 'run.python_io.json'), operations);
    },
    read: (folder) => void comparisonText(readComparisonRecords(join(folder, `run${RECORDS_SUFFIX}`)), PLAIN),
    commands: () => [],
  },
];
