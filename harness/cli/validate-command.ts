// qwen-pcc validate: the main job.
import path from 'node:path';
import { Command } from 'commander';
import { describeKnobs } from '../../src/device/n150/device-options.ts';
import { UsageError } from '../../src/errors.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { PCC_SEMANTICS, type PccSemantics } from '../metrics/row-metrics.ts';
import { createProgress } from '../report/progress.ts';
import { createChalk, terminalSummary } from '../report/terminal.ts';
import { parseDeviceSpec, parseReferenceSpec } from '../run/device-spec.ts';
import { openCases } from '../run/open-cases.ts';
import { MAX_NEW_TOKENS_DEFAULT, MAX_SEQ_LEN_DEFAULT, tokensPlannedMax } from '../run/plan.ts';
import { findRunFolder, RunFolder } from '../run/run-folder.ts';
import { formatRunRecord } from '../run/run-record.ts';
import { describePlan, type RunPlan } from '../run/run-validate.ts';
import { writeRun } from '../run/write-run.ts';
import { correlation, oneOf, wholeNumber } from './option-values.ts';
import { packageFile, packageVersion, recordedCheckpoint, tinyCheckpoints } from './package-root.ts';
import { repeatableCommand } from './repeatable-command.ts';

/** Options as commander hands them over. */
interface ValidateOptions {
  readonly weights?: string[];
  readonly deviceWeights?: string;
  readonly prompts?: string;
  readonly prompt?: string[];
  readonly maxNewTokens: number;
  readonly maxSeqLen: number;
  readonly device: string;
  readonly reference: string;
  readonly precision: 'fp32' | 'bf16';
  readonly semantics: PccSemantics;
  readonly threshold: number;
  readonly mode: 'teacher' | 'free';
  readonly threads?: number;
  readonly out: string;
  readonly resume?: string;
  readonly json?: boolean;
}

export function validateCommand(): Command {
  return new Command('validate')
    .description('run reference and device on the same tokens, compare every token, judge, report')
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
      'JSON array of { name, text | messages | ids, continuation? } (default: general.json, or instruct.json for checkpoints that end at <|im_end|> or are called instruct)',
    )
    .option('--prompt <name...>', 'run only these prompts of the file')
    .option(
      '--max-new-tokens <n>',
      'most greedy tokens after a prompt; a given continuation is forced whole',
      wholeNumber('--max-new-tokens', 0),
      MAX_NEW_TOKENS_DEFAULT,
    )
    .option('--max-seq-len <n>', 'most positions of a sequence', wholeNumber('--max-seq-len', 1), MAX_SEQ_LEN_DEFAULT)
    .option('--device <spec>', 'n150, n150:KNOB=VALUE,… (knobs below) or capture:FILE', 'n150')
    .option('--reference <spec>', 'onnx or golden:FILE', 'onnx')
    .option('--precision <p>', 'of the ONNX reference: fp32 or bf16', oneOf('--precision', ['fp32', 'bf16']), 'fp32')
    .option(
      '--semantics <name>',
      `meaning of PCC: ${PCC_SEMANTICS.join(', ')}`,
      oneOf('--semantics', PCC_SEMANTICS),
      'strict',
    )
    .option('--threshold <pcc>', 'PCC that every token must reach', correlation('--threshold'), DEFAULT_PCC_MINIMUM)
    .option(
      '--mode <mode>',
      'teacher: both get the same tokens; free: each follows its own choice',
      oneOf('--mode', ['teacher', 'free']),
      'teacher',
    )
    .option('--threads <n>', 'threads of each side (default: all)', wholeNumber('--threads', 1))
    .option('--out <dir>', 'where run folders go', 'reports')
    .option('--resume <run>', 'go on in a run folder; needs the same options as that run')
    .option('--json', 'print run.json instead of the summary')
    .addHelpText('after', () => `\nKnobs of the N150 model, defaults in brackets:\n${describeKnobs()}`)
    .action(validate);
}

async function validate(options: ValidateOptions): Promise<void> {
  const startedAt = new Date();
  const plan = planOf(options);
  const folder =
    options.resume === undefined
      ? RunFolder.create(options.out, startedAt, describePlan(plan))
      : RunFolder.resume(findRunFolder(options.resume, options.out), describePlan(plan));
  const interrupt = new AbortController();
  const onInterrupt = (): void => {
    process.stderr.write('\nstopping after this token; Ctrl-C again to stop at once\n');
    interrupt.abort();
  };
  process.once('SIGINT', onInterrupt);
  const progress = createProgress(process.stderr);
  const limits = plan.limits;
  progress.total(
    plan.cases.reduce(
      (sum, { prompts }) => sum + prompts.reduce((all, prompt) => all + tokensPlannedMax(prompt, limits), 0),
      0,
    ),
  );
  let judged = 0;
  try {
    const { run, records, failure } = await writeRun(plan, {
      folder,
      startedAt,
      tool: { name: 'qwen-pcc', version: packageVersion(), gitSha: null },
      command: repeatableCommand(process.argv.slice(2)),
      signal: interrupt.signal,
      onToken: ({ variant, prompt }) => progress.advance(variant, prompt, ++judged),
    });
    progress.close();
    const chalk = createChalk(process.env);
    const shown = { chalk, folder: path.relative('.', folder.folder) || '.' };
    process.stdout.write(options.json === true ? formatRunRecord(run) : terminalSummary(run, records, shown));
    process.exitCode = run.exitCode;
    if (failure !== undefined) throw failure;
  } finally {
    progress.close();
    process.off('SIGINT', onInterrupt);
  }
}

function planOf(options: ValidateOptions): RunPlan {
  const { weights, deviceWeights, prompts, prompt: only, threads, precision, mode } = options;
  const device = parseDeviceSpec(options.device);
  const reference = parseReferenceSpec(options.reference);
  if (mode === 'free' && (device.kind === 'capture' || reference.kind === 'golden')) {
    throw new UsageError('a recording cannot run free: it has rows only for the tokens that were recorded.', {
      code: 'FREE_RECORDING',
      hint: 'leave --mode out, or compare live sources.',
    });
  }
  const limits = { maxNewTokens: options.maxNewTokens, maxSeqLen: options.maxSeqLen };
  const recording = device.kind === 'capture' ? device.file : reference.kind === 'golden' ? reference.file : undefined;
  const cases = openCases({
    weights: weights ?? (recording === undefined ? tinyCheckpoints() : [recordedCheckpoint(recording)]),
    ...(deviceWeights === undefined ? {} : { deviceWeights }),
    ...(prompts === undefined ? {} : { prompts }),
    ...(only === undefined ? {} : { only }),
    ...(threads === undefined ? {} : { threads }),
    defaultPrompts: {
      general: packageFile('fixtures/prompts/general.json'),
      instruct: packageFile('fixtures/prompts/instruct.json'),
    },
    device,
    reference,
    precision,
    limits,
  });
  return {
    cases,
    limits,
    mode: mode === 'free' ? 'freeRunning' : 'teacherForced',
    judge: {
      semantics: options.semantics,
      pccMinimum: options.threshold,
      rules: defaultRules({ pccMinimum: options.threshold }),
    },
  };
}
