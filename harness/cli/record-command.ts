// qwen-pcc record: the rows of one side to a file, for --reference golden:FILE or --device capture:FILE.
import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { LogitsSource, TapName } from '../../src/device/logits-source.ts';
import { deviceEnvironmentHelp } from '../../src/device/n150/device-environment.ts';
import { describeKnobs } from '../../src/device/n150/device-options.ts';
import { allTaps, tapsHelp } from '../../src/device/taps.ts';
import { nearestName, UsageError } from '../../src/errors.ts';
import { DEFAULT_PCC_MINIMUM } from '../gate/thresholds.ts';
import { tokensPlannedMax } from '../record/run-spec.ts';
import { countOf } from '../report/format.ts';
import { createProgress } from '../report/progress.ts';
import { recordPrompts } from '../run/record-prompts.ts';
import { Models } from '../sources/models.ts';
import { openCases } from '../sources/open-cases.ts';
import { packageFile } from '../sources/package-root.ts';
import { planRun } from '../sources/plan-run.ts';
import { addCaseOptions, type CaseCommandOptions, localPaths, planRequest } from './case-options.ts';
import { type Interrupt, onInterrupt, packingUntil } from './interrupt.ts';
import { oneOf } from './option-values.ts';

const RECORD_SOURCES = ['reference', 'n150'] as const;

interface RecordOptions extends CaseCommandOptions {
  readonly source: (typeof RECORD_SOURCES)[number];
  readonly out: string;
  readonly taps?: string[];
  readonly force?: boolean;
}

export function recordCommand(): Command {
  const command = addCaseOptions(
    new Command('record').description(
      'write the rows of one side to a safetensors file: input_ids, positions and logits of each prompt',
    ),
  )
    .addOption(
      new Option('--source <side>', `whose rows: ${RECORD_SOURCES.join(' or ')}`)
        .argParser(oneOf('--source', RECORD_SOURCES))
        .default('reference'),
    )
    .requiredOption('--out <file>', 'the file to write')
    .option('--taps <name...>', 'taps to record too, e.g. layers.0.out norm.out, or "all"')
    .option('--force', 'replace the file if it exists')
    .addHelpText(
      'after',
      () =>
        `\n${FORM_HELP}\n\nKnobs of the N150 model:\n${describeKnobs()}\n\n${deviceEnvironmentHelp()}\n\n${tapsHelp()}`,
    )
    .action(record);
  for (const option of command.options) option.description = OWN_HELP[option.long ?? ''] ?? option.description;
  return command;
}

/** Options that mean less here than for validate. */
const OWN_HELP: Readonly<Record<string, string>> = {
  '--weights': "the checkpoint folder, one (default: $QWEN_DIR if set, else the package's tiny-qwen2)",
  '--device': 'n150 or n150:KNOB=VALUE,… (knobs below), whose rows --source n150 records (default: n150)',
  '--reference': 'onnx, whose rows --source reference records',
};

const FORM_HELP = `What the file holds, and what --device capture:FILE and --reference golden:FILE read:
  input_ids  [T]     integers: every token that was fed, from position 0
  positions  [R]     the positions that have a row; may be left out when every token has one
  logits     [R, V]  float32, bfloat16, float16 or float64: row r was computed after input_ids[0 … positions[r]]
  tap.NAME   [R, H]  with --taps
Several prompts have the prefix prompt.NAME. in front of each. From NumPy:
  numpy.savez("recording.npz", input_ids=input_ids, logits=logits)
docs/recordings.md has batches, padding, tiles, a file a step, PyTorch, and all metadata.`;

/** @throws UsageError for a recording in the place of what is to be recorded. */
function requireNoRecording({ device = [], reference }: Pick<RecordOptions, 'device' | 'reference'>): void {
  for (const [option, text] of [
    ...device.map((one) => ['--device', one] as const),
    ['--reference', reference] as const,
  ]) {
    if (!/^(capture|golden)(:|$)/.test(text)) continue;
    throw new UsageError(`record runs a side, and ${option} ${text} is a recording already.`, {
      code: 'RECORD_RECORDING',
      hint: `leave ${option} out, or copy the file.`,
    });
  }
}

async function record(options: RecordOptions): Promise<void> {
  requireNoRecording(options);
  if (existsSync(options.out) && options.force !== true) {
    throw new UsageError(`${options.out} exists.`, {
      code: 'FILE_EXISTS',
      hint: 'give another --out, or replace it with --force.',
    });
  }
  const interrupt = onInterrupt('stopping; no file is left');
  try {
    await recordUntil(interrupt, options);
  } finally {
    // Also where the plan is refused: a process that goes on would keep the listeners.
    interrupt.release();
  }
}

async function recordUntil(interrupt: Interrupt, options: RecordOptions): Promise<void> {
  const progress = createProgress(process.stderr);
  const models = new Models();
  const { request } = planRequest(
    { ...options, weights: options.weights ?? [process.env['QWEN_DIR'] || packageFile('fixtures/tiny-qwen2')] },
    { mode: 'teacherForced', judge: { semantics: 'strict', pccMinimum: DEFAULT_PCC_MINIMUM, rules: [] } },
  );
  const { spec, paths } = await planRun(request, models);
  const cases = openCases(spec, localPaths(options, paths, []), {
    models,
    onPacking: packingUntil(interrupt.signal, progress),
    ...(options.taps === undefined
      ? {}
      : { taps: isAll(options.taps) ? ('all' as const) : (options.taps as TapName[]) }),
  });
  const [runCase, ...others] = cases;
  if (runCase === undefined || others.length > 0 || runCase.variants.length > 1) {
    throw new UsageError('a recording is of one side of one checkpoint.', {
      code: 'RECORDING_WEIGHTS',
      hint: 'give one folder with --weights, and one --device.',
    });
  }
  const taps = tapsToRecord(options.taps, allTaps(runCase.layers));
  const { prompts, eosTokenIds } = runCase.spec;
  const { limits } = spec;
  progress.start(prompts.reduce((sum, prompt) => sum + tokensPlannedMax(prompt, limits), 0));
  let source: LogitsSource | undefined;
  try {
    source = await (options.source === 'reference' ? runCase.openReference() : runCase.variants[0]!.open());
    const { info, vocabSize } = source;
    let done = 0;
    const request = {
      prompts,
      limits,
      eosTokenIds,
      tokenizerSha256: runCase.spec.tokenizerSha256,
      signal: interrupt.signal,
      onToken: (prompt: string) => progress.advance(info.model, prompt, ++done),
      ...(taps === undefined ? {} : { taps }),
    };
    const tokens = await recordPrompts(source, request, options.out);
    progress.close();
    process.stdout.write(
      `${options.out}: ${countOf(prompts.length, 'prompt')}, ${tokens} rows of ${vocabSize} logits by ${info.label}\n`,
    );
  } finally {
    progress.close();
    interrupt.release();
    await source?.close();
  }
}

function isAll(taps: readonly string[]): boolean {
  return taps.length === 1 && taps[0] === 'all';
}

/** Before a side is opened, which takes its time. */
function tapsToRecord(taps: readonly string[] | undefined, known: readonly TapName[]): readonly TapName[] | undefined {
  if (taps === undefined) return undefined;
  if (isAll(taps)) return known;
  for (const tap of taps) {
    if ((known as readonly string[]).includes(tap)) continue;
    const nearest = nearestName(tap, known);
    throw new UsageError(`the checkpoint has no tap "${tap}".`, {
      code: 'TAP_UNKNOWN',
      facts: { wanted: `one of ${known.length} taps; \`qwen-pcc record --help\` lists them` },
      hint: nearest === undefined ? 'leave the tap out, or name one of these.' : `did you mean ${nearest}?`,
    });
  }
  return taps as readonly TapName[];
}
