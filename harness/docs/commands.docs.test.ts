// The documents followed literally, from top to bottom, in a copy of the repository: every command runs, or is listed with a reason.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { npyBytes, zipBytes } from '../../src/device/capture/npy.fixture.ts';
import { codeBlocks, DOCUMENTS, type DocumentedCommand, documentedCommands, tableRows } from './documents.fixture.ts';
import { type Ran, type ScratchCopy, scratchCopy } from './scratch-copy.fixture.ts';

/** What does not run here, and why; an entry that fits no command is an error. */
const NOT_RUN: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^npm (ci|cit|install)\b/, 'asks the npm registry; package.system.test.ts installs the package'],
  [/^npx qwen-pcc get-weights\b/, 'asks the Hugging Face hub for 15 GB; download.system.test.ts has a hub of its own'],
  [/^npx qwen-pcc synthesize --like Qwen2-7B\b/, 'writes 15 GB; synthesize-command.test.ts writes two layers'],
  [/^QWEN_PCC_CODER_DIR=/, 'a real checkpoint, which is not in the repository'],
  [
    /^npx vitest run --project (gates|system)\b/,
    'minutes; `npm test` runs the same tests; statements.docs.test.ts looks for them',
  ],
  [/^node --expose-gc .*run-benchmarks/, 'a benchmark, a million tokens'],
  [/^npx qwen-pcc report --open\b/, 'opens a browser; lens.browser.test.ts does'],
  [/^npm run build$/, 'made dist before these tests; writes where other tests read'],
];

/** What a reader puts in the place of capital letters. */
const PLACEHOLDERS: readonly (readonly [RegExp, string])[] = [
  [/(--vectors) DIR\b/, '$1 fixtures/vectors'],
  [/\bCACHE_DIR\b/, 'cache'],
  [/(--beside) RUN\b/, '$1 reports/last'],
  [/\bRUN_A RUN_B\b/, 'reports/last reports/last'],
  [/\bOTHER_DIR\b/, 'fixtures/tiny-qwen2'],
  [/(--weights) (DIR|CHECKPOINT)\b/, '$1 fixtures/tiny-qwen2'],
  [/\bcapture:FILE\b/, 'capture:recorded.safetensors'],
  [/\bn150:KNOBS\b/, 'n150:kvFormat=BF16'],
];

/** Minutes as they are shown: one prompt or a few tokens of each. */
const SHORTENED: readonly (readonly [RegExp, string])[] = [
  // And so for the inspections that follow it, of which --why runs the token's context some hundred times in this tier.
  [/tier=exact/, ' --weights general --prompts ids.json'],
  [/compare .* --recipes/, ' --max-new-tokens 2'],
  [/--device n150 --device/, ' --prompt senate-and-house --max-new-tokens 2'],
  [/n150:KNOBS/, ' --prompt senate-and-house --max-new-tokens 2'],
  [/^(?!.*--prompt ).*--ladder/, ' --prompt senate-and-house --max-new-tokens 2'],
  [/--device-weights/, ' --prompt senate-and-house --max-new-tokens 2'],
  [/--shard 1\/2 --out shards$/, ' --prompt senate-and-house treasury-digits --max-new-tokens 2'],
];

const commands = DOCUMENTS.flatMap((document) => documentedCommands(document));
const reasonOf = ({ command }: DocumentedCommand): string | undefined =>
  NOT_RUN.find(([pattern]) => pattern.test(command))?.[1];

function typed(command: string): string {
  const filled = PLACEHOLDERS.reduce((line, [pattern, value]) => line.replace(pattern, value), command);
  return filled + (SHORTENED.find(([pattern]) => pattern.test(command))?.[1] ?? '');
}

/** By document, in the order of reading. */
const toRun: Record<string, DocumentedCommand[]> = {};
for (const command of commands.filter((one) => reasonOf(one) === undefined)) {
  toRun[command.document] = [...(toRun[command.document] ?? []), command];
}

/** Words of the command that mean the same to every shell. */
const PLAIN = /^(?:npx )?qwen-pcc( [\w./:=,+-]+)*$/;

/** The first as it is typed, through npx; plain words of those after it, in this process. */
function follow(command: string): Promise<Ran> {
  const line = typed(command);
  if (!PLAIN.test(line) || isFirst) {
    isFirst = false;
    return copy.run(line);
  }
  return copy.call(
    line
      .replace(/^(npx )?qwen-pcc/, '')
      .split(' ')
      .filter((word) => word !== ''),
  );
}
let isFirst = true;

let copy: ScratchCopy;
/** What the test of figures reads of the first run's record. */
interface FirstRun {
  readonly verdict: { readonly status: string };
  readonly cases: readonly { readonly name: string; readonly variants: readonly { readonly summary: Summary }[] }[];
}
interface Summary {
  readonly all: {
    readonly n: number;
    readonly pcc: { readonly min: number; readonly p50: number };
    readonly klNats: { readonly mean: number };
    readonly top1: number;
  };
}
let firstRun: FirstRun | undefined;

beforeAll(async () => {
  copy = scratchCopy();
  const write = (name: string, content: string | Buffer): void => writeFileSync(path.join(copy.folder, name), content);
  // prompts.json is the file that docs/prompts.md shows.
  write('prompts.json', codeBlocks('docs/prompts.md').find(({ language }) => language === 'json')!.code);
  write('ids.json', JSON.stringify([{ name: 'ids', ids: [5, 6, 7, 8], continuation: [9, 10] }]));
  // The recordings that a reader brings: the device's own rows of those ids.
  const recorded = await copy.run(
    'qwen-pcc record --source n150 --weights fixtures/tiny-qwen2 --prompts ids.json --out recorded.safetensors',
  );
  expect(recorded).toMatchObject({ exitCode: 0 });
  write('one-prompt.npz', asNpz(readFileSync(path.join(copy.folder, 'recorded.safetensors'))));
});
afterAll(() => copy?.remove());

/** The arrays of a safetensors file of one prompt, named as numpy.savez names them in docs/recordings.md. */
function asNpz(file: Buffer): Buffer {
  const data = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, data)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const NUMPY: Readonly<Record<string, string>> = { F32: '<f4', I32: '<i4', I64: '<i8' };
  const arrays = Object.entries(header).flatMap(([name, tensor]) => {
    const array = /(input_ids|logits|positions)$/.exec(name)?.[1];
    if (array === undefined) return [];
    const [from, to] = tensor.data_offsets;
    // A BFP8_B row widened to bfloat16: NumPy keeps such bits as V2.
    const descr = NUMPY[tensor.dtype] ?? '|V2';
    const bytes = npyBytes({
      descr,
      shape: `(${tensor.shape.join(', ')},)`,
      data: file.subarray(data + from, data + to),
    });
    return [[`${array}.npy`, bytes] as const];
  });
  return zipBytes(Object.fromEntries(arrays));
}

describe('the list of commands that do not run', () => {
  it.each(NOT_RUN)('%s (%s) fits a command of the documents', (pattern) => {
    expect(commands.filter(({ command }) => pattern.test(command))).not.toEqual([]);
  });

  it('leaves more commands to run than it lists', () => {
    const left = commands.filter((command) => reasonOf(command) === undefined);
    expect(left.length).toBeGreaterThan(commands.length / 2);
  });
});

describe('what stands for something of the reader', () => {
  it.each([...PLACEHOLDERS, ...SHORTENED])('%s stands in a command', (pattern) => {
    expect(commands.filter(({ command }) => pattern.test(command))).not.toEqual([]);
  });

  it('is filled in everywhere', () => {
    const run = commands.filter((command) => reasonOf(command) === undefined).map(({ command }) => typed(command));
    expect(run.filter((command) => /\b(DIR|FILE|RUN|KNOBS|CHECKPOINT|NAME|OUT)\b/.test(command))).toEqual([]);
  });
});

describe.each(Object.entries(toRun))('%s', (_, run) => {
  // Each command finds what those before it left: run folders, recordings, caches.
  for (const { command, line, exitCode } of run) {
    it(`line ${line}: ${command}`, async () => {
      const ran = await follow(command);
      expect(ran.exitCode, `${typed(command)}\n${ran.output}`).toBe(exitCode);
      // The next run moves reports/last.
      if (command === 'npx qwen-pcc validate')
        firstRun ??= JSON.parse(readFileSync(path.join(copy.folder, 'reports/last/run.json'), 'utf8')) as FirstRun;
    });
  }
});

describe('the figures of the README', () => {
  it.each(tableRows('README.md', 'case'))('%s are those of its first validate', (name, ...shown) => {
    expect(firstRun, 'no document begins with npx qwen-pcc validate').toBeDefined();
    const { verdict, cases } = firstRun!;
    const { all } = cases.find((one) => one.name === name)!.variants[0]!.summary;
    const computed = [all.n, all.pcc.min, all.pcc.p50, all.klNats.mean, 100 * all.top1];
    expect(computed.map((value, column) => asShown(value, shown[column]!))).toEqual(shown.slice(0, computed.length));
    expect(verdict.status).toBe(shown[computed.length]);
  });
});

/** The shown text if it is the value to within a unit of its last digit, which is what another processor's reference may move. */
function asShown(value: number, shown: string): string {
  const digits = /\.(\d+)/.exec(shown)?.[1]?.length ?? 0;
  const unit = digits === 0 ? 0 : 10 ** -digits;
  return Math.abs(value - Number.parseFloat(shown)) <= unit ? shown : value.toFixed(digits);
}
