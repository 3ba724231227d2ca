// qwen-pcc validate: the main job.
import path from 'node:path';
import { Command } from 'commander';
import { deviceEnvironmentHelp } from '../../src/device/n150/device-environment.ts';
import { describeKnobs } from '../../src/device/n150/device-options.ts';
import { UsageError } from '../../src/errors.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { findRunFolder } from '../record/read-run-folder.ts';
import { PCC_SEMANTICS, type PccSemantics } from '../record/row-metrics.ts';
import { RunFolder } from '../record/run-folder.ts';
import { formatRunRecord } from '../record/run-record.ts';
import { createChalk } from '../report/plain-table.ts';
import { createProgress, type RunProgress } from '../report/progress.ts';
import { terminalSummary } from '../report/terminal.ts';
import { repeatableCommand } from '../run/repeatable-command.ts';
import { describePlan, type RunPlan } from '../run/run-validate.ts';
import { writeRun } from '../run/write-run.ts';
import { tokensPlannedMax } from '../sources/plan.ts';
import { addCaseOptions, type CaseCommandOptions, casesOf, limitsOf } from './case-options.ts';
import { onInterrupt, packingUntil } from './interrupt.ts';
import { correlation, oneOf } from './option-values.ts';
import { gitSha, packageVersion } from './package-root.ts';

interface ValidateOptions extends CaseCommandOptions {
  readonly semantics: PccSemantics;
  readonly threshold: number;
  readonly mode: 'teacher' | 'free';
  readonly out: string;
  readonly resume?: string;
  readonly json?: boolean;
}

export function validateCommand(): Command {
  return addCaseOptions(
    new Command('validate').description(
      'run reference and device on the same tokens, compare every token, judge, report',
    ),
  )
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
    .option('--out <dir>', 'where run folders go', 'reports')
    .option('--resume <run>', 'go on in a run folder; needs the same options as that run')
    .option('--json', 'print run.json instead of the summary')
    .addHelpText(
      'after',
      () => `\nKnobs of the N150 model, defaults in brackets:\n${describeKnobs()}\n\n${deviceEnvironmentHelp()}`,
    )
    .action(validate);
}

async function validate(options: ValidateOptions): Promise<void> {
  const startedAt = new Date();
  const progress = createProgress(process.stderr);
  const interrupt = onInterrupt('stopping after this token; what was judged is kept');
  try {
    await judge(options, startedAt, progress, interrupt.signal);
  } finally {
    progress.close();
    interrupt.release();
  }
}

async function judge(
  options: ValidateOptions,
  startedAt: Date,
  progress: RunProgress,
  signal: AbortSignal,
): Promise<void> {
  const plan = planOf(options, progress, signal);
  const folder =
    options.resume === undefined
      ? RunFolder.create(options.out, startedAt, describePlan(plan))
      : RunFolder.resume(findRunFolder(options.resume, options.out), describePlan(plan));
  progress.start(
    plan.cases
      .flatMap(({ prompts }) => prompts)
      .reduce((sum, prompt) => sum + tokensPlannedMax(prompt, plan.limits), 0),
  );
  let judged = 0;
  const { run, records, failure } = await writeRun(plan, {
    folder,
    startedAt,
    tool: { name: 'qwen-pcc', version: packageVersion(), gitSha: gitSha() },
    command: repeatableCommand(process.argv.slice(2)),
    signal,
    onToken: ({ variant, prompt }) => progress.advance(variant, prompt, ++judged),
    onStage: (variant, prompt, stage) => progress.stage(variant, prompt, stage),
  });
  progress.close();
  const shown = { chalk: createChalk(process.env), folder: path.relative('.', folder.folder) || '.' };
  process.stdout.write(options.json === true ? formatRunRecord(run) : terminalSummary(run, records, shown));
  process.exitCode = run.exitCode;
  if (failure !== undefined) throw failure;
}

function planOf(options: ValidateOptions, progress: RunProgress, signal: AbortSignal): RunPlan {
  const { threshold, semantics, mode, device, reference } = options;
  if (mode === 'free' && (device.startsWith('capture') || reference.startsWith('golden'))) {
    throw new UsageError('a recording cannot run free: it has rows only for the tokens that were recorded.', {
      code: 'FREE_RECORDING',
      hint: 'leave --mode out, or compare live sources.',
    });
  }
  return {
    cases: casesOf(options, undefined, packingUntil(signal, progress)),
    limits: limitsOf(options),
    mode: mode === 'free' ? 'freeRunning' : 'teacherForced',
    judge: { semantics, pccMinimum: threshold, rules: defaultRules({ pccMinimum: threshold }) },
  };
}
