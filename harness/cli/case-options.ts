// The options that validate and record share: which checkpoints, prompts, device and reference; as data for a plan.
import path from 'node:path';
import { type Command, Option } from 'commander';
import type { Precision } from '../../reference/reference-options.ts';
import { UsageError } from '../../src/errors.ts';
import { defaultThreads } from '../../src/machine.ts';
import { LOGITS_FORMATS, type LogitsFormat, parseLogitsFormat } from '../../src/numerics/logits-format.ts';
import type { LocalPaths } from '../record/local-paths.ts';
import type { DecodingMode, JudgeSettings } from '../record/run-spec.ts';
import type { VariantEntry } from '../rules-file/rules-file.ts';
import { parseDeviceSpec, parseReferenceSpec } from '../sources/device-spec.ts';
import { packagedOr, packageFile, recordedCheckpoint, tinyCheckpoints } from '../sources/package-root.ts';
import { MAX_NEW_TOKENS_DEFAULT, MAX_SEQ_LEN_DEFAULT } from '../sources/plan.ts';
import type { PlanRequest } from '../sources/plan-request.ts';
import { STEP_TIMEOUT_DEFAULT_MS } from '../sources/step-timeout.ts';
import { addAdapterOption, withAdapter } from './adapter-option.ts';
import { byteCount, duration, listOf, oneOf, threadCount, wholeNumber } from './option-values.ts';

/** As commander hands them over. */
export interface CaseCommandOptions {
  readonly weights?: string[];
  readonly adapter?: string;
  readonly deviceWeights?: string;
  readonly prompts?: string;
  readonly prompt?: string[];
  readonly maxNewTokens?: number;
  readonly maxSeqLen?: number;
  readonly device?: string[];
  /** Of a rules file, in the place of `device`. */
  readonly variants?: readonly VariantEntry[];
  readonly templateDate?: string;
  readonly reference: string;
  readonly precision: Precision;
  readonly logitsFormat?: LogitsFormat;
  readonly threads?: number;
  readonly memory?: number;
  readonly weightCache?: string;
  readonly goldenCache?: string;
  readonly stepTimeout?: number;
}

export function addCaseOptions(command: Command): Command {
  const weights = command.option(
    '--weights <dir...>',
    "checkpoints (folder, .gguf, BASE+ADAPTER), a case each; `general` and `instruct` are the package's tiny ones (default: $QWEN_DIR if set, else both tiny ones; for a recording of one of them that one)",
  );
  const cases = addAdapterOption(weights)
    .option(
      '--device-weights <dir>',
      "the device's checkpoint, if it is not the reference's: is a converted one still the same model?",
    )
    .option(
      '--prompts <file>',
      'JSON array of { name, text | messages (+ tools, documents) | ids, continuation? } (default: instruct.json for checkpoints that end at <|im_end|> or are called instruct or chat, else general.json)',
    )
    .option('--prompt <name...>', 'run only these prompts, in the cases that have them')
    .option('--template-date <date>', 'YYYY-MM-DD that chat templates take for today, in every run that is compared')
    .option(
      '--max-new-tokens <n>',
      `most greedy tokens after a prompt (default: ${MAX_NEW_TOKENS_DEFAULT}); a given continuation is forced whole`,
      wholeNumber('--max-new-tokens', 0),
    )
    .option(
      '--max-seq-len <n>',
      `most positions of a sequence, up to the checkpoint's max_position_embeddings or YaRN's stretched context (default: ${MAX_SEQ_LEN_DEFAULT}, the original's, or the checkpoint's where that is less)`,
      wholeNumber('--max-seq-len', 1),
    )
    .option(
      '--device <spec>',
      'n150, n150:KNOB=VALUE,… or capture:FILE; several times: a variant each, beside one reference (default: n150)',
      listOf,
    )
    .option('--reference <spec>', 'onnx or golden:FILE', 'onnx')
    .addOption(
      new Option(
        '--logits-format <format>',
        `what a recording's logits are rounded to: ${LOGITS_FORMATS.join(', ')} (default: as it says, else read off its values)`,
      ).argParser((text) => parseLogitsFormat(text, '--logits-format')),
    )
    .addOption(
      new Option('--precision <p>', 'of the ONNX reference: fp32, or bf16 as PyTorch computes')
        .argParser(oneOf('--precision', ['fp32', 'bf16']))
        .default('fp32'),
    )
    .option('--threads <n>', 'threads of each side (default: all)', threadCount('--threads'));
  return addWeightOptions(cases);
}

/** Where the N150 model's packed weights are. */
export function addWeightOptions(command: Command): Command {
  return command
    .option(
      '--memory <size>',
      "the N150 model's packed weights that may stay in memory, bytes or with MB, MiB, GB or GiB; more is streamed from the weight cache; keys and values of prompts that run together may take as much again, up to an eighth of the machine's memory or a quarter of this, whichever is more (default: 70 % of the free memory)",
      byteCount('--memory'),
    )
    .option(
      '--weight-cache <dir>',
      "where packed weights are kept, a folder a checkpoint and recipe (default: N150 in $QWEN_DIR for QWEN_DIR's checkpoint, else nowhere)",
    );
}

/** How long a hung device is waited for. */
export function addStepTimeoutOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--step-timeout <time>',
      'a device that hands out no row (and ends no layer) for this time has broken down, e.g. 90s, 30m; rows before it stay judged',
    )
      .argParser(duration('--step-timeout'))
      .default(STEP_TIMEOUT_DEFAULT_MS, '2h'),
  );
}

/** Where rows of the ONNX reference are. */
export function addGoldenCacheOption(command: Command): Command {
  return command.option(
    '--golden-cache <dir>',
    'where rows of the ONNX reference are kept (0.6 MB a token of Qwen2-7B) and read again instead of being made (default: nowhere)',
  );
}

/** Where a plan's checkpoints come from, as a report has to say it. */
export interface ChosenWeights {
  readonly folders: readonly string[];
  readonly notes: readonly string[];
}

const PACKAGED_NOTE = 'judged the tiny checkpoints that come with qwen-pcc, no model of yours';

/**
 * @param recording - that stands on a side, if one does.
 * @param adapter - of --adapter.
 * @throws UsageError when the recording names a model that is not given; as `withAdapter`.
 */
export function chooseWeights(
  weights: readonly string[] | undefined,
  recording: string | undefined,
  adapter: string | undefined,
): ChosenWeights {
  const packaged = tinyCheckpoints();
  const qwenDir = process.env['QWEN_DIR'] || undefined;
  const chosen =
    weights?.map(packagedOr) ??
    (qwenDir !== undefined ? [qwenDir] : recording === undefined ? packaged : [recordedCheckpoint(recording)]);
  const folders = withAdapter(chosen, adapter);
  const isPackaged = folders.every((folder) => packaged.includes(path.resolve(folder)));
  return { folders, notes: isPackaged && weights === undefined && recording === undefined ? [PACKAGED_NOTE] : [] };
}

export interface PlanSettings {
  readonly mode: DecodingMode;
  readonly judge: JudgeSettings;
  readonly ladder?: PlanRequest['ladder'];
}

/** @throws UsageError naming the option. */
export function planRequest(
  options: CaseCommandOptions,
  settings: PlanSettings,
): { request: PlanRequest; notes: readonly string[] } {
  const devices = devicesOf(options);
  const reference = parseReferenceSpec(options.reference);
  requireMode(settings, devices, reference);
  const capture = devices.find((device) => device.kind === 'capture');
  const recording = capture?.file ?? (reference.kind === 'golden' ? reference.file : undefined);
  const { folders, notes } = chooseWeights(options.weights, recording, options.adapter);
  return {
    notes,
    request: {
      weights: folders,
      deviceWeights: options.deviceWeights,
      prompts: options.prompts,
      only: options.prompt,
      templateDate: options.templateDate,
      defaultPrompts: defaultPrompts(),
      devices,
      reference,
      precision: options.precision,
      logitsFormat: options.logitsFormat,
      maxNewTokens: options.maxNewTokens,
      maxSeqLen: options.maxSeqLen,
      ...settings,
    },
  };
}

/** @throws UsageError DEVICE_WEIGHTS for a recording with a checkpoint of its own. */
function devicesOf({ device = ['n150'], variants }: CaseCommandOptions): PlanRequest['devices'] {
  if (variants === undefined) return device.map((text) => parseDeviceSpec(text, process.env));
  return variants.map(({ name, device: text, weights }) => {
    const choice = parseDeviceSpec(text, process.env);
    const named = name === undefined ? {} : { name };
    if (choice.kind === 'n150') return { ...choice, ...named, ...(weights === undefined ? {} : { weights }) };
    if (weights === undefined) return { ...choice, ...named };
    throw new UsageError(`the recording ${text} has no checkpoint of its own.`, {
      code: 'DEVICE_WEIGHTS',
      facts: { found: weights },
      hint: 'take "weights" out of that variant.',
    });
  });
}

/** What can follow its own choice. */
function requireMode(
  { mode }: PlanSettings,
  devices: PlanRequest['devices'],
  reference: PlanRequest['reference'],
): void {
  if (mode !== 'freeRunning') return;
  if (reference.kind === 'golden' || devices.some(({ kind }) => kind === 'capture')) {
    throw new UsageError('a recording cannot run free: it has rows only for the tokens that were recorded.', {
      code: 'FREE_RECORDING',
      hint: 'leave --mode out, or compare live sources.',
    });
  }
  if (devices.length > 1) {
    throw new UsageError(
      'several devices cannot run free beside one reference: their texts part at different places.',
      {
        code: 'FREE_VARIANTS',
        hint: 'give one --device a run.',
      },
    );
  }
}

type ResourceOptions = Pick<CaseCommandOptions, 'threads' | 'memory' | 'weightCache' | 'goldenCache' | 'stepTimeout'>;

/** Threads, memory, caches and patience, as far as they are given: they change no number, so a run may go on with others. */
export function givenResources(options: ResourceOptions): Partial<LocalPaths> {
  const { threads, memory, weightCache, goldenCache, stepTimeout } = options;
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    ...(weightCache === undefined ? {} : { weightCache: path.resolve(weightCache) }),
    ...(goldenCache === undefined ? {} : { goldenCache: path.resolve(goldenCache) }),
    ...(stepTimeout === undefined ? {} : { stepTimeoutMs: Math.ceil(stepTimeout) }),
  };
}

/** What a run may use of this machine; it decides about no number. */
export function localPaths(options: ResourceOptions, cases: LocalPaths['cases'], args: readonly string[]): LocalPaths {
  const qwenDir = process.env['QWEN_DIR'];
  return {
    currentFolder: process.cwd(),
    arguments: args,
    cases,
    // Said even where nobody did: the reference's last bits follow it, and a resumed run shall have the same.
    threads: defaultThreads(),
    ...(qwenDir ? { qwenDir: path.resolve(qwenDir) } : {}),
    ...givenResources(options),
  };
}

export function defaultPrompts(): PlanRequest['defaultPrompts'] {
  return {
    general: packageFile('fixtures/prompts/general.json'),
    instruct: packageFile('fixtures/prompts/instruct.json'),
  };
}
