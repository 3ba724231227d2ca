// The law of a run on a disk that fails: wherever it is killed, finds no room or may not write, no judged row is lost, doubled or
// changed, it never says PASS of what is not whole, and --resume makes it the run that nothing happened to.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES, InputError } from '../../src/errors.ts';
import { LOG_FILE } from '../record/read-log.ts';
import { LOCK_FILE } from '../record/run-lock.ts';
import { RUN_FILE } from '../record/run-log.ts';
import type { RunRecord } from '../record/run-record.ts';
import { junitXml } from '../report/junit.ts';
import { summaryMarkdown } from '../report/markdown.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { DISK_FAULTS, type FaultPlan, type Operation, onFailingDisk } from './failing-disk.fixture.ts';
import { rowsOf } from './run-reading.fixture.ts';
import { logLines, noisyToy, resumeToy, runToy, TOY_VOCABULARY, toyCase, toySpec } from './toy-run.fixture.ts';
import type { RunReports, WrittenRun } from './write-run.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-failing-disk-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** One row of each prompt fails, so that there is evidence. */
const failing = (): ToySource =>
  new ToySource(TOY_VOCABULARY, (row) => {
    if (row.position === 4) row.logits.reverse();
    return row;
  });
const CASES = {
  passing: [toyCase('a')],
  failing: [toyCase('a', { noisy: noisyToy, failing })],
};
const REPORTS: RunReports = {
  'junit.xml': junitXml,
  'summary.md': summaryMarkdown,
  pages: () => ({ 'report.html': '<p>', 'report/one.js': '1' }),
};

type Kind = keyof typeof CASES;
const KINDS: readonly Kind[] = ['passing', 'failing'];
/** Of each fault; all operations of both kinds were tried once. */
const RUNS = 10;
/** Of a run, to choose an operation by. */
const PLACES = 10_000;

const runIn = (parent: string, kind: Kind): Promise<WrittenRun> => {
  const { judge, ...rest } = toySpec(CASES[kind]);
  const rules = judge.rules.filter(({ scope }) => scope === 'token');
  const spec = { ...rest, judge: { ...judge, rules }, limits: { maxNewTokens: 2, maxSeqLen: 4096 } };
  return runToy(parent, CASES[kind], { spec, reports: REPORTS });
};

/** The folder of the run in `parent`, if its log has a first line. */
function begunIn(parent: string): string | undefined {
  const [name] = readdirSync(parent).filter((one) => one.startsWith('2026'));
  if (name === undefined) return undefined;
  const folder = path.join(parent, name);
  return existsSync(path.join(folder, LOG_FILE)) && logLines(folder).length > 0 ? folder : undefined;
}

/** The lock of this process as one of a process that was killed. */
function buryOwner(folder: string): void {
  const file = path.join(folder, LOCK_FILE);
  if (existsSync(file)) writeFileSync(file, readFileSync(file, 'utf8').replace(/"pid":\d+/, '"pid":4194303'));
}

function savedVerdict(folder: string): string | undefined {
  const file = path.join(folder, RUN_FILE);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RunRecord).verdict.status : undefined;
}

interface Broken {
  readonly parent: string;
  readonly result: PromiseSettledResult<WrittenRun>;
  readonly operations: readonly Operation[];
}

async function breakRun(kind: Kind, plan: FaultPlan | undefined): Promise<Broken> {
  const parent = mkdtempSync(path.join(scratch, 'run-'));
  return { parent, ...(await onFailingDisk(scratch, plan, () => runIn(parent, kind))) };
}

/** A run that nothing happened to. */
interface Whole extends WrittenRun {
  readonly operations: readonly Operation[];
  readonly rows: readonly string[];
}

const wholes = {} as Record<Kind, Whole>;
beforeAll(async () => {
  for (const kind of KINDS) {
    const { result, operations } = await breakRun(kind, undefined);
    if (result.status === 'rejected') throw result.reason;
    wholes[kind] = { ...result.value, operations, rows: rowsOf(result.value.folder) };
  }
  expect(KINDS.map((kind) => wholes[kind].run.verdict.status)).toEqual(['pass', 'fail']);
});

/** What is left of a broken run is sound, and --resume makes it whole. */
async function requireSound(kind: Kind, { fault }: FaultPlan, { parent, result }: Broken): Promise<void> {
  const { rows, run, folder: wholeFolder } = wholes[kind];
  const folder = begunIn(parent);
  if (fault !== 'killed') {
    // Whoever still lives says what happened; a run that says nothing took no harm.
    if (result.status === 'fulfilled') expect(rowsOf(result.value.folder)).toEqual(rows);
    else {
      expect(result.reason).toBeInstanceOf(InputError);
      expect(result.reason).toMatchObject({
        exitCode: EXIT_CODES.usage,
        code: expect.stringMatching(/^(DISK_FULL|WRITE_FAILED)$/),
      });
    }
  }
  if (folder === undefined) {
    // Nothing was judged: the next run begins beside it.
    expect(rowsOf((await runIn(parent, kind)).folder)).toEqual(rows);
    return;
  }
  buryOwner(folder);
  const lines = rowsOf(folder);
  expect(lines).toEqual(rows.slice(0, lines.length));
  if (lines.length < rows.length) expect(savedVerdict(folder)).toBeUndefined();
  const resumed = await resumeToy(folder, CASES[kind], { reports: REPORTS });
  expect(resumed.failure).toBeUndefined();
  expect(rowsOf(folder)).toEqual(rows);
  expect(resumed.run.verdict).toEqual(run.verdict);
  expect(filesOf(folder)).toEqual(filesOf(wholeFolder));
}

/** Without what a killed writer left under another name. */
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.endsWith('.tmp'))
    .sort();

const isLineOfLog = ({ name, file }: Operation): boolean => name === 'writeSync' && path.basename(file) === LOG_FILE;

describe('a run on a disk that fails', () => {
  it.each(DISK_FAULTS)('%s at any operation: is sound, and whole after --resume', async (fault) => {
    const plan = fc.record({
      kind: fc.constantFrom(...KINDS),
      at: fc.nat(PLACES - 1),
      isTorn: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ kind, at, isTorn }) => {
        const planned = { fault, at: Math.floor((at / PLACES) * wholes[kind].operations.length), isTorn };
        await requireSound(kind, planned, await breakRun(kind, planned));
      }),
      { numRuns: RUNS, seed: 12 },
    );
  });

  it.each([
    { what: 'its first line', find: isLineOfLog, code: 'DISK_FULL' },
    {
      what: 'the rows of a failing token',
      find: ({ file }: Operation) => file.includes('/evidence/'),
      code: 'DISK_FULL',
    },
    { what: 'run.json', find: ({ file }: Operation) => file.includes('/run.json.'), code: 'DISK_FULL' },
  ])('has no room for $what: $code, and nothing is judged on', async ({ find, code }) => {
    const at = wholes.failing.operations.findIndex(find);
    expect(at).toBeGreaterThan(0);
    const planned = { fault: 'full', at, isTorn: false } as const;
    const broken = await breakRun('failing', planned);
    expect(broken.result).toMatchObject({ status: 'rejected', reason: { code } });
    await requireSound('failing', planned, broken);
  });

  it('has no room for its last line: an error of ours, not of the program', async () => {
    const at = wholes.passing.operations.findLastIndex(isLineOfLog);
    expect(at).toBeGreaterThan(0);
    const broken = await breakRun('passing', { fault: 'oneError', at, isTorn: true });
    expect(broken.result).toMatchObject({ status: 'rejected', reason: { code: 'WRITE_FAILED' } });
  });

  it('cannot let go of its lock at the end: all the same it passed', async () => {
    const at = wholes.passing.operations.findLastIndex(({ name }) => name === 'rmSync');
    const { result } = await breakRun('passing', { fault: 'readOnly', at, isTorn: false });
    expect(result).toMatchObject({ status: 'fulfilled', value: { run: { verdict: { status: 'pass' } } } });
  });

  it('cannot point `last` to itself: goes on without', async () => {
    const at = wholes.passing.operations.findIndex(({ name }) => name === 'symlinkSync');
    const { result } = await breakRun('passing', { fault: 'readOnly', at, isTorn: false });
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { code: 'WRITE_FAILED', message: expect.stringContaining('run.jsonl') },
    });
  });
});
