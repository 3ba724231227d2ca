// qwen-pcc replay: a bundle's token measured and judged again, from its rows alone or with its sides run once more.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { absolutePlace } from '../../src/checkpoint/checkpoint-place.ts';
import { EXIT_CODES, InputError, UsageError } from '../../src/errors.ts';
import { defaultThreads } from '../../src/machine.ts';
import { type OpenedBundle, openBundle } from '../bundle/read-bundle.ts';
import { type RerunSide, replayed, replayText } from '../bundle/replay-text.ts';
import { guardWrite } from '../record/file-errors.ts';
import type { LocalPaths } from '../record/local-paths.ts';
import { createChalk } from '../report/plain-table.ts';
import { type InspectRequest, inspectToken } from '../run/inspect-token.ts';
import { parseDeviceSpec } from '../sources/device-spec.ts';
import { openCases } from '../sources/open-cases.ts';
import { threadCount } from './option-values.ts';

interface ReplayOptions {
  readonly weights?: string;
  readonly deviceWeights?: string;
  readonly device?: string;
  readonly rerun?: boolean;
  readonly threads?: number;
  readonly json?: boolean;
}

export function replayCommand(): Command {
  return new Command('replay')
    .description('a token that `inspect --bundle` wrote: its numbers from its rows, and what each rule says of it')
    .argument('<bundle>', 'the file')
    .option(
      '--weights <dir>',
      "the reference's checkpoint: both sides run again, and their rows are compared bit by bit",
    )
    .option('--device-weights <dir>', "the device's own checkpoint, if it had one")
    .option('--device <spec>', 'the recording that stood on the device side, capture:FILE')
    .option('--rerun', 'as --weights, with the checkpoint that is in the bundle')
    .option('--threads <n>', 'threads of each side (default: all)', threadCount('--threads'))
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      '\nA bundle that was cut, changed or is none is refused (exit code 2). Exit code 1: the device ran again and gave other bits.',
    )
    .action(replay);
}

async function replay(file: string, options: ReplayOptions): Promise<void> {
  const bundle = openBundle(file);
  const rerun = await runAgain(file, bundle, options);
  const found = replayed(bundle, rerun);
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(found, null, 2)}\n`
      : replayText(found, bundle.token, createChalk(process.env)),
  );
  const hasChanged = rerun.some(({ side, different }) => side === 'device' && different > 0);
  process.exitCode = hasChanged ? EXIT_CODES.accuracyFail : EXIT_CODES.pass;
}

async function runAgain(file: string, bundle: OpenedBundle, options: ReplayOptions): Promise<RerunSide[]> {
  const { weights, deviceWeights, device, rerun } = options;
  if (weights !== undefined) return runOn(bundle, absolutePlace(weights), options, bundle.record.sides);
  if (rerun === true) {
    if (!bundle.hasWeights) throw withoutWeights(file);
    const folder = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-replay-'));
    try {
      guardWrite(folder, () => bundle.extractWeights(folder));
      return await runOn(bundle, folder, options, expectedOf(bundle, options));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  if (deviceWeights === undefined && device === undefined) return [];
  throw new UsageError('both sides run again, or none: the reference needs its checkpoint.', {
    code: 'OPTION_VALUE',
    hint: 'add --weights DIR.',
  });
}

/** Some rows of a file are another file, and another digest: then the rows that come out are the proof. */
function expectedOf({ record: { sides, slices } }: OpenedBundle, { deviceWeights }: ReplayOptions): ExpectedSides {
  if (slices.length === 0) return sides;
  return { golden: undefined, actual: deviceWeights === undefined ? undefined : sides.actual };
}

type ExpectedSides = InspectRequest['expected'];

async function runOn(
  { record, rows }: OpenedBundle,
  place: string,
  options: ReplayOptions,
  expected: ExpectedSides,
): Promise<RerunSide[]> {
  const { spec, key, tokenIds, promptLength, vocabSize } = record;
  requireRunnable(record);
  const [opened] = openCases(spec, pathsOf(record, place, options));
  const index = opened!.variants.findIndex(({ spec: { name } }) => name === key.variant);
  const variant = opened!.variants[index]!;
  const golden = opened!.variants.find(({ spec: { name } }) => name === variant.spec.golden);
  const again = await inspectToken({
    openReference: golden === undefined ? opened!.openReference : golden.open,
    openDevice: variant.open,
    expected,
    prompt: key.prompt,
    user: key.user,
    tokenIds: Int32Array.from(tokenIds),
    promptLength,
    taps: [],
  });
  return (['golden', 'actual'] as const).map((side) => ({
    side: side === 'golden' ? 'reference' : 'device',
    label: again.sides[side],
    ...compareBits(rows[side], again.logits[side].subarray(0, vocabSize)),
  }));
}

function compareBits(a: Float32Array, b: Float32Array): Pick<RerunSide, 'different' | 'largest'> {
  const [bitsA, bitsB] = [a, b].map((row) => new Uint32Array(row.slice().buffer)) as [Uint32Array, Uint32Array];
  let different = Math.abs(a.length - b.length);
  let largest = 0;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (bitsA[i] === bitsB[i]) continue;
    different++;
    largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  }
  return { different, largest };
}

/** @throws UsageError BUNDLE_RERUN: a recorded reference computes nothing. */
function requireRunnable({ spec }: OpenedBundle['record']): void {
  const { reference } = spec.cases[0]!;
  if (reference.kind === 'onnx') return;
  throw new UsageError('the reference of this token is a recording, which nothing can run again.', {
    code: 'BUNDLE_RERUN',
    facts: { reference: reference.recording },
    hint: 'leave --weights and --rerun out: the numbers follow from the rows.',
  });
}

function pathsOf(
  { spec, key }: OpenedBundle['record'],
  place: string,
  { deviceWeights, device, threads }: ReplayOptions,
): LocalPaths {
  const choice = device === undefined ? undefined : parseDeviceSpec(device);
  const own = {
    ...(deviceWeights === undefined ? {} : { weights: absolutePlace(deviceWeights) }),
    ...(choice?.kind === 'capture' ? { recording: path.resolve(choice.file) } : {}),
  };
  return {
    currentFolder: process.cwd(),
    arguments: [],
    threads: threads ?? defaultThreads(),
    cases: { [spec.cases[0]!.name]: { weights: place, variants: { [key.variant]: own } } },
  };
}

function withoutWeights(file: string): InputError {
  return new InputError(`${file}: there is no checkpoint in this bundle.`, {
    code: 'BUNDLE_RERUN',
    hint: 'name it with --weights DIR, or ask for a bundle that was written with --with-weights.',
  });
}
