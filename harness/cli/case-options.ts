// The options that validate, record and inspect share: which checkpoints, prompts, device and reference.
import { type Command, Option } from 'commander';
import type { Precision } from '../../reference/onnx-reference.ts';
import type { RunCase } from '../run/run-validate.ts';
import { parseDeviceSpec, parseReferenceSpec } from '../sources/device-spec.ts';
import { type CaseOptions, openCases } from '../sources/open-cases.ts';
import { MAX_NEW_TOKENS_DEFAULT, MAX_SEQ_LEN_DEFAULT, type SequenceLimits } from '../sources/plan.ts';
import { byteCount, oneOf, wholeNumber } from './option-values.ts';
import { packageFile, recordedCheckpoint, tinyCheckpoints } from './package-root.ts';

/** As commander hands them over. */
export interface CaseCommandOptions {
  readonly weights?: string[];
  readonly deviceWeights?: string;
  readonly prompts?: string;
  readonly prompt?: string[];
  readonly templateDate?: string;
  readonly maxNewTokens: number;
  readonly maxSeqLen: number;
  readonly device: string;
  readonly reference: string;
  readonly precision: Precision;
  readonly threads?: number;
  readonly memory?: number;
  readonly weightCache?: string;
}

export function addCaseOptions(command: Command): Command {
  const cases = command
    .option(
      '--weights <dir...>',
      'checkpoint folders, a case each (default: both tiny checkpoints of the package; for a recording the one it names, else tiny-qwen2)',
    )
    .option(
      '--device-weights <dir>',
      "the device's checkpoint, if it is not the reference's: is a converted one still the same model?",
    )
    .option(
      '--prompts <file>',
      'JSON array of { name, text | messages (+ tools, documents) | ids, continuation? } (default: instruct.json for checkpoints that end at <|im_end|> or are called instruct or chat, else general.json)',
    )
    .option('--prompt <name...>', 'run only these prompts of the file')
    .option('--template-date <date>', 'YYYY-MM-DD that chat templates take for today, in every run that is compared')
    .option(
      '--max-new-tokens <n>',
      'most greedy tokens after a prompt; a given continuation is forced whole',
      wholeNumber('--max-new-tokens', 0),
      MAX_NEW_TOKENS_DEFAULT,
    )
    .option(
      '--max-seq-len <n>',
      "most positions of a sequence: the original's, or up to the checkpoint's max_position_embeddings or YaRN's stretched context",
      wholeNumber('--max-seq-len', 1),
      MAX_SEQ_LEN_DEFAULT,
    )
    .option('--device <spec>', 'n150, n150:KNOB=VALUE,… (knobs below) or capture:FILE', 'n150')
    .option('--reference <spec>', 'onnx or golden:FILE', 'onnx')
    .addOption(
      new Option('--precision <p>', 'of the ONNX reference: fp32, or bf16 as PyTorch computes')
        .argParser(oneOf('--precision', ['fp32', 'bf16']))
        .default('fp32'),
    )
    .option('--threads <n>', 'threads of each side (default: all)', wholeNumber('--threads', 1));
  return addWeightOptions(cases);
}

/** Where the N150 model's packed weights are. */
export function addWeightOptions(command: Command): Command {
  return command
    .option(
      '--memory <size>',
      "the N150 model's packed weights that may stay in memory, bytes or with MB, MiB, GB or GiB; more is streamed from the weight cache (default: 70 % of the free memory)",
      byteCount('--memory'),
    )
    .option(
      '--weight-cache <dir>',
      "where packed weights are kept, a folder a checkpoint (default: N150 in $QWEN_DIR for QWEN_DIR's checkpoint, else nowhere)",
    );
}

/** Limits of every sequence of a run. */
export function limitsOf({ maxNewTokens, maxSeqLen }: CaseCommandOptions): SequenceLimits {
  return { maxNewTokens, maxSeqLen };
}

/** @throws UsageError, InputError, each naming the option or file. */
export function casesOf(
  options: CaseCommandOptions & Pick<CaseOptions, 'given'>,
  taps?: CaseOptions['taps'],
  onPacking?: CaseOptions['onPacking'],
): RunCase[] {
  const { weights, deviceWeights, prompts, prompt: only, given, threads, precision, memory, weightCache } = options;
  const { templateDate } = options;
  const qwenDir = process.env['QWEN_DIR'];
  const device = parseDeviceSpec(options.device, process.env);
  const reference = parseReferenceSpec(options.reference);
  const recording = device.kind === 'capture' ? device.file : reference.kind === 'golden' ? reference.file : undefined;
  return openCases({
    weights: weights ?? (recording === undefined ? tinyCheckpoints() : [recordedCheckpoint(recording)]),
    ...(deviceWeights === undefined ? {} : { deviceWeights }),
    ...(prompts === undefined ? {} : { prompts }),
    ...(only === undefined ? {} : { only }),
    ...(templateDate === undefined ? {} : { templateDate }),
    ...(given === undefined ? {} : { given }),
    ...(threads === undefined ? {} : { threads }),
    ...(taps === undefined ? {} : { taps }),
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    ...(weightCache === undefined ? {} : { weightCache }),
    ...(qwenDir === undefined ? {} : { qwenDir }),
    ...(onPacking === undefined ? {} : { onPacking }),
    defaultPrompts: defaultPrompts(),
    device,
    reference,
    precision,
    limits: limitsOf(options),
  });
}

function defaultPrompts(): CaseOptions['defaultPrompts'] {
  return {
    general: packageFile('fixtures/prompts/general.json'),
    instruct: packageFile('fixtures/prompts/instruct.json'),
  };
}
