// qwen-pcc validate: the main job.
import { Command } from 'commander';
import { deviceEnvironmentHelp, readDeviceEnvironment } from '../../src/device/n150/device-environment.ts';
import { describeKnobs } from '../../src/device/n150/device-options.ts';
import { InputError } from '../../src/errors.ts';
import { assignShards } from '../record/assign-shards.ts';
import type { RunEvent, RunShard } from '../record/events.ts';
import { type LocalPaths, readLocalPaths } from '../record/local-paths.ts';
import { planUnits } from '../record/plan-record.ts';
import { findRunFolder } from '../record/read-log.ts';
import { formatRunRecord } from '../record/run-record.ts';
import { firstDifference, type RunSpec } from '../record/run-spec.ts';
import type { RunReplay } from '../replay/run-replay.ts';
import { createChalk } from '../report/plain-table.ts';
import { createProgress } from '../report/progress.ts';
import { terminalSummary } from '../report/terminal.ts';
import { quoteWord } from '../run/shown-command.ts';
import { resumeRun, type StartedRun, startRun } from '../run/write-run.ts';
import { isAbort } from '../sequence/sides.ts';
import { Models } from '../sources/models.ts';
import { openCases } from '../sources/open-cases.ts';
import type { PlannedRun } from '../sources/plan-run.ts';
import { chooseReferenceWeights } from '../sources/plan-together.ts';
import { annotateJob } from './annotate.ts';
import { baselineFile, withBaseline } from './baseline-file.ts';
import {
  addCaseOptions,
  addGoldenCacheOption,
  addStepTimeoutOption,
  type CaseCommandOptions,
  givenResources,
  localPaths,
} from './case-options.ts';
import { addConfigOption, type ConfigOptions, planJudged, takeRulesFile } from './config-option.ts';
import { errorText } from './error-text.ts';
import { onInterrupt } from './interrupt.ts';
import { addJudgeOptions, type JudgeOptions, settingsOf } from './judge-options.ts';
import { judgeRun, runHeader } from './judged-run.ts';
import { wholeNumber } from './option-values.ts';
import { withRepeat } from './repeat-choice.ts';
import { requireSameVersion } from './same-version.ts';
import { chooseShard, parseShard, SHARD_HELP, type ShardRequest } from './shard-choice.ts';
import { addSuggestOptions, printSuggestions, type SuggestCommandOptions } from './suggest-option.ts';
import { needsNoReport } from './unstarted-run.ts';

interface ValidateOptions
  extends CaseCommandOptions,
    JudgeOptions,
    SuggestCommandOptions,
    Pick<ConfigOptions, 'config'> {
  readonly shard?: ShardRequest;
  readonly baseline?: string | true;
  readonly repeat?: number;
  readonly repeatSeed: number;
  readonly out: string;
  readonly resume?: string | true;
  readonly json?: boolean;
}

export function validateCommand(): Command {
  const cases = addCaseOptions(
    new Command('validate').description(
      'run reference and device on the same tokens, compare every token, judge, report',
    ),
  );
  return addSuggestOptions(addStepTimeoutOption(addGoldenCacheOption(addJudgeOptions(addConfigOption(cases)))))
    .option('--shard <i/n>', SHARD_HELP, parseShard)
    .option(
      '--baseline [file]',
      'fail if the run is worse than this accepted state (default: baseline.json in --out; see `qwen-pcc baseline`)',
    )
    .option(
      '--repeat <k>',
      'feed the prompts that hold k drawn tokens to the device again, also in another batch row and other feeds; a limit within the spread fails nobody and passes nobody',
      wholeNumber('--repeat', 1),
    )
    .option('--repeat-seed <n>', 'of the draw', wholeNumber('--repeat-seed', 0), 1)
    .option('--out <dir>', 'where run folders go', 'reports')
    .option(
      '--resume [run]',
      'go on with a run that was stopped (default: the last one); it knows what it was asked to do',
    )
    .option('--json', 'print run.json instead of the summary')
    .addHelpText(
      'after',
      () => `\nKnobs of the N150 model, defaults in brackets:\n${describeKnobs()}\n\n${deviceEnvironmentHelp()}`,
    )
    .action(validate);
}

async function validate(options: ValidateOptions, command: Command): Promise<void> {
  if (Array.isArray(options.suggest)) {
    printSuggestions(options.suggest, options);
    return;
  }
  const progress = createProgress(process.stderr);
  // A run that is there keeps its reports.
  let hasRun = options.resume !== undefined;
  const interrupt = onInterrupt('stopping after this token; what was judged is kept');
  try {
    const models = new Models();
    const { local, ...started } =
      options.resume === undefined ? await begin(options, command, models) : await goOn(options, command, models);
    hasRun = true;
    const { run, replay, folder, failure } = await judgeRun(started, {
      local,
      models,
      progress,
      signal: interrupt.signal,
      command: 'validate',
    });
    progress.close();
    const shown = { chalk: createChalk(process.env), folder };
    if (options.suggest === true && failure === undefined) printSuggestions([folder], options);
    else
      process.stdout.write(
        options.json === true ? formatRunRecord(run) : terminalSummary(run, replay.highlights, shown),
      );
    process.exitCode = run.exitCode;
    annotateJob(run, replay.highlights);
    if (failure !== undefined) process.stderr.write(failureText(failure));
    // Prompts that could not be compared did not end the run, but their cause is said where errors are.
    else if (run.failure !== null) process.stderr.write(`${run.failure.code}: ${run.failure.message}\n`);
  } catch (error) {
    if (hasRun) needsNoReport(error);
    throw error;
  } finally {
    progress.close();
    interrupt.release();
  }
}

/** The reports have it too; here it comes with its causes. */
function failureText(failure: unknown): string {
  return isAbort(failure) ? 'stopped.\n' : errorText(failure, process.env['QWEN_PCC_STACK'] === '1');
}

interface LocatedRun extends StartedRun {
  readonly local: LocalPaths;
}

async function begin(options: ValidateOptions, command: Command, models: Models): Promise<LocatedRun> {
  const args = process.argv.slice(2);
  const header = runHeader(args);
  const { spec, paths, notes } = await planOf(options, command, models);
  const local = chooseReferenceWeights(spec, localPaths(options, paths, args), models, (line) =>
    process.stderr.write(`${line}\n`),
  );
  // What cannot be opened is refused before a folder is made.
  openCases(spec, local, { models });
  const share = options.shard === undefined ? {} : shareOf(spec, chooseShard(options.shard, process.env));
  const run: Omit<RunEvent, 'runId'> = { ...header, notes, ...share, spec };
  return { ...startRun(options.out, run, local), local };
}

/** @param options - of the command; a rules file adds to them. */
async function planOf(options: ValidateOptions, command: Command, models: Models): Promise<PlannedRun> {
  const file = await takeRulesFile(command);
  const planned = await planJudged(command, file, { options, settings: settingsOf(options) }, models);
  return { ...planned, spec: withChecks(planned.spec, options) };
}

/** What a run is held against besides its rules: a baseline, itself. */
function withChecks(spec: RunSpec, { baseline, repeat, repeatSeed, out }: ValidateOptions): RunSpec {
  const held = baseline === undefined ? spec : withBaseline(spec, baselineFile(baseline, out));
  return repeat === undefined ? held : withRepeat(held, { tokens: repeat, seed: repeatSeed });
}

function shareOf(spec: RunSpec, shard: RunShard): Pick<RunEvent, 'part' | 'shard'> {
  return { part: assignShards(planUnits(spec), shard.count)[shard.index - 1]!, shard };
}

/** The plan is in the log; options that were given all the same must ask for the same. */
async function goOn(options: ValidateOptions, command: Command, models: Models): Promise<LocatedRun> {
  const folder = findRunFolder(options.resume === true ? undefined : options.resume, options.out);
  // The grid is that of the run; a device that is none of this model's is refused all the same.
  readDeviceEnvironment(process.env);
  const wanted = isPlanGiven(command) ? await planOf(options, command, models) : undefined;
  const given = wanted === undefined ? undefined : localPaths(options, wanted.paths, process.argv.slice(2));
  const local = readPaths(folder, given);
  const shard = options.shard === undefined ? undefined : chooseShard(options.shard, process.env);
  const started = resumeRun(folder, (replay) => {
    requireSamePlan(replay, wanted === undefined ? undefined : withChecks(wanted.spec, options), folder);
    requireSameShard(replay, shard, folder);
  });
  const { stepTimeout, ...others } = options;
  const isTimeGiven = command.getOptionValueSource('stepTimeout') === 'cli';
  return { ...started, local: { ...local, ...givenResources(isTimeGiven ? options : others) } };
}

/** A run folder from another machine has none: its reports are uploaded without them, and options given again say where files are. */
function readPaths(folder: string, given: LocalPaths | undefined): LocalPaths {
  try {
    return readLocalPaths(
      folder,
      `give all options of the run again, or look at what it has stored with \`qwen-pcc inspect ${quoteWord(folder)} --stored\`.`,
    );
  } catch (error) {
    if (given === undefined || !(error instanceof InputError)) throw error;
    return given;
  }
}

const NOT_OF_THE_PLAN: ReadonlySet<string> = new Set([
  ...['suggest', 'floor', 'alpha', 'beta', 'multiple', 'texts'],
  ...['resume', 'out', 'json', 'shard', 'threads', 'memory', 'weightCache', 'goldenCache', 'stepTimeout'],
]);

function isPlanGiven(command: Command): boolean {
  return command.options.some((option) => {
    const name = option.attributeName();
    if (name === 'config' && command.getOptionValue(name) === false) return false;
    return !NOT_OF_THE_PLAN.has(name) && command.getOptionValueSource(name) === 'cli';
  });
}

function requireSamePlan({ run }: RunReplay, wanted: RunSpec | undefined, folder: string): void {
  requireSameVersion(run.tool, folder);
  const difference =
    wanted === undefined ? undefined : firstDifference(run.spec, JSON.parse(JSON.stringify(wanted)), '');
  if (difference === undefined) return;
  throw new InputError(`${folder} was made with another plan, so it cannot go on with these options.`, {
    code: 'RESUME_DIFFERS',
    facts: { field: difference.path, recorded: difference.a, now: difference.b },
    hint: `write \`qwen-pcc validate --resume ${quoteWord(folder)}\` alone: the run knows its plan. Or start a new run.`,
  });
}

/** A shard that is given again, as a job does that was started once more. */
function requireSameShard({ run }: RunReplay, shard: RunShard | undefined, folder: string): void {
  if (shard === undefined || firstDifference(run.shard, shard, '') === undefined) return;
  const words = (one: RunShard | undefined): string =>
    one === undefined ? 'the whole plan' : `shard ${one.index} of ${one.count}`;
  throw new InputError(`${folder} is another share of the plan.`, {
    code: 'RESUME_DIFFERS',
    facts: { recorded: words(run.shard), now: words(shard) },
    hint: `write \`qwen-pcc validate --resume ${quoteWord(folder)}\` alone: the run knows its plan. Or start a new run.`,
  });
}
