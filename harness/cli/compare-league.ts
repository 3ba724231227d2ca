// qwen-pcc compare BASE VARIANT…: one run of all of them at the same tokens, then the league of what its log says.
import path from 'node:path';
import type { Precision } from '../../reference/reference-options.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { EXIT_CODES, InputError, QwenPccError, UsageError } from '../../src/errors.ts';
import { COMPARE_FILE, type CompareRecord, formatCompareRecord } from '../compare/league/compare-record.ts';
import {
  type ConcludedComparison,
  concludeComparison,
  type EntrantFiles,
} from '../compare/league/conclude-comparison.ts';
import { entrantsOf } from '../compare/league/entrants.ts';
import { leagueMarkdown, leagueText } from '../compare/league/league-table.ts';
import { SWEEP_FILE, sweepResults } from '../compare/league/sweep-results.ts';
import { requireVariantOf } from '../compare/variant-of-base.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { TEXT_REPORTS } from '../lens/run-reports.ts';
import { type LocalPaths, readLocalPaths } from '../record/local-paths.ts';
import { findRunFolder } from '../record/read-log.ts';
import type { JudgeSettings, KnobSettings, RunSpec } from '../record/run-spec.ts';
import { createChalk } from '../report/plain-table.ts';
import { createProgress } from '../report/progress.ts';
import { quoteWord } from '../run/shown-command.ts';
import { resumeRun, type StartedRun, startRun } from '../run/write-run.ts';
import { configFromKnobs, parseDeviceSpec } from '../sources/device-spec.ts';
import { Models } from '../sources/models.ts';
import { openCases } from '../sources/open-cases.ts';
import { planRun } from '../sources/plan-run.ts';
import { chooseReferenceWeights } from '../sources/plan-together.ts';
import { defaultPrompts, givenResources, localPaths } from './case-options.ts';
import { compareChoices, parseCompareArgument, recipeArgument } from './compare-plan.ts';
import { onInterrupt } from './interrupt.ts';
import { judgeRun, runHeader } from './judged-run.ts';
import { refreshLens } from './rewrite-lens.ts';
import { requireSameVersion } from './same-version.ts';
import { writeResult } from './write-result.ts';

export interface LeagueCommandOptions {
  readonly recipes?: readonly string[];
  readonly device: string;
  readonly prompts?: string;
  readonly prompt?: string[];
  readonly templateDate?: string;
  readonly maxNewTokens?: number;
  readonly maxSeqLen?: number;
  readonly precision: Precision;
  readonly marginKl: number;
  readonly marginTop1: number;
  readonly resamples: number;
  readonly seed: number;
  readonly failOn?: 'worse' | 'undecided';
  readonly budget?: number;
  readonly out: string;
  readonly resume?: string | true;
  readonly json?: boolean;
  readonly threads?: number;
  readonly memory?: number;
  readonly weightCache?: string;
  readonly goldenCache?: string;
}

/** What the arguments say: a finished run to be read, or what is to be run; none of both with --resume. */
export interface LeagueArguments {
  readonly run?: string;
  readonly base?: string;
  readonly variants?: readonly string[];
}

export async function compareLeague(given: LeagueArguments, options: LeagueCommandOptions): Promise<void> {
  const models = new Models();
  if (given.run !== undefined) {
    const folder = findRunFolder(given.run, options.out);
    return show(conclude(folder, models, options, false), folder, options, EXIT_CODES.pass);
  }
  const started = options.resume === undefined ? await begin(given, models, options) : goOn(options);
  const { folder, exitCode } = await run(started, models, options);
  let concluded: ConcludedComparison;
  try {
    concluded = conclude(folder, models, options, true);
  } catch (error) {
    // Without a league, its report is that of the run alone.
    refreshLens(folder);
    throw error;
  }
  show(concluded, folder, options, exitCode);
}

interface LocatedRun extends StartedRun {
  readonly local: LocalPaths;
}

/** Nothing is judged by itself here: rows that cannot be compared at all are all that a rule says. */
const JUDGE: JudgeSettings = {
  semantics: 'strict',
  pccMinimum: DEFAULT_PCC_MINIMUM,
  rules: defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM }).filter(({ onBreak }) => onBreak === 'invalid'),
};

async function begin(
  { base, variants = [] }: LeagueArguments,
  models: Models,
  options: LeagueCommandOptions,
): Promise<LocatedRun> {
  const entrants = [
    ...variants.map((text) => parseCompareArgument(text, process.env)),
    ...(options.recipes ?? []).map((name) => recipeArgument(name, process.env)),
  ];
  if (entrants.length === 0) {
    throw new UsageError('a base alone is compared with nothing.', {
      code: 'COMPARE_ARGUMENT',
      hint: 'write `qwen-pcc compare BASE VARIANT`, or give --recipes bfp4-mlp,kv-bf16.',
    });
  }
  const ofBase = models.open(base!);
  for (const entrant of entrants)
    if (entrant.kind === 'checkpoint') requireVariantOf(ofBase, models.open(entrant.place));
  const { spec, paths, notes } = await planRun(
    {
      weights: [base!],
      prompts: options.prompts,
      only: options.prompt,
      templateDate: options.templateDate,
      defaultPrompts: defaultPrompts(),
      devices: compareChoices(entrants, { device: deviceOf(options), precision: options.precision }),
      reference: { kind: 'onnx' },
      precision: options.precision,
      maxNewTokens: options.maxNewTokens,
      maxSeqLen: options.maxSeqLen,
      mode: 'teacherForced',
      judge: JUDGE,
    },
    models,
  );
  const args = process.argv.slice(2);
  const local = chooseReferenceWeights(spec, localPaths(options, paths, args), models, (line) =>
    process.stderr.write(`${line}\n`),
  );
  // What cannot be opened is refused before a folder is made.
  openCases(spec, local, { models });
  return { ...startRun(options.out, { ...runHeader(args), notes, spec }, local), local };
}

/** @throws UsageError for a recording in the place of the device. */
function deviceOf({
  device,
}: LeagueCommandOptions): (ReturnType<typeof parseDeviceSpec> & { kind: 'n150' }) | undefined {
  if (device === 'none') return undefined;
  const choice = parseDeviceSpec(device, process.env);
  if (choice.kind === 'n150') return choice;
  throw new UsageError('a recording runs no other checkpoint.', {
    code: 'COMPARE_DEVICE',
    hint: `name it as a variant: qwen-pcc compare BASE ${quoteWord(device)}.`,
  });
}

function goOn(options: LeagueCommandOptions): LocatedRun {
  const folder = findRunFolder(options.resume === true ? undefined : options.resume, options.out);
  const local = readLocalPaths(folder, 'start the comparison again.');
  return {
    ...resumeRun(folder, ({ run }) => requireSameVersion(run.tool, folder)),
    local: { ...local, ...givenResources(options) },
  };
}

/** @returns the exit code if the league's own does not count: the run could not compare what it was asked to. */
async function run(
  { local, ...started }: LocatedRun,
  models: Models,
  { budget }: LeagueCommandOptions,
): Promise<{ readonly folder: string; readonly exitCode: number }> {
  const progress = createProgress(process.stderr);
  const interrupt = onInterrupt('stopping after this token; what was judged is kept');
  const until = budget === undefined ? undefined : performance.now() + budget;
  let isOver = false;
  const mayBegin = (): boolean => {
    isOver = until !== undefined && performance.now() > until;
    return !isOver;
  };
  try {
    const { run, folder, failure } = await judgeRun(started, {
      local,
      models,
      progress,
      signal: interrupt.signal,
      command: 'compare',
      reports: TEXT_REPORTS,
      ...(until === undefined ? {} : { mayBegin }),
    });
    if (failure !== undefined && !isOver) process.stderr.write(`${run.failure?.message ?? String(failure)}\n`);
    // An exit code that is not the league's own says why: the table alone may look decided.
    else if (run.exitCode !== EXIT_CODES.pass && !isOver) process.stderr.write(`${run.verdict.headline}\n`);
    if (isOver) process.stderr.write(`the time is over: go on with qwen-pcc compare --resume ${quoteWord(folder)}\n`);
    return { folder, exitCode: isOver ? EXIT_CODES.pass : run.exitCode };
  } finally {
    progress.close();
    interrupt.release();
  }
}

/** @param isKnown - whether this process wrote its log, or read it to go on. */
function conclude(
  folder: string,
  models: Models,
  options: LeagueCommandOptions,
  isKnown: boolean,
): ConcludedComparison {
  return concludeComparison(folder, {
    isKnown,
    margins: { klNats: options.marginKl, top1: options.marginTop1 },
    resampling: { resamples: options.resamples, seed: options.seed },
    files: filesOf(folder, models),
  });
}

/** A run from another machine, or whose checkpoints are gone, has a league all the same: without their sizes. */
function filesOf(folder: string, models: Models): EntrantFiles {
  let local: LocalPaths | undefined;
  try {
    local = readLocalPaths(folder, '');
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
  }
  const [paths] = Object.values(local?.cases ?? {});
  return {
    checkpointOf: (variant) => openIfThere(models, paths?.variants[variant]?.weights ?? paths?.weights),
    configOf: ({ knobs }) => (knobs?.kind === 'n150' ? configFromKnobs(knobs.knobs) : undefined),
  };
}

function openIfThere(models: Models, place: string | undefined): Checkpoint | undefined {
  try {
    return place === undefined ? undefined : models.checkpoint(place);
  } catch (error) {
    if (!(error instanceof QwenPccError)) throw error;
    return undefined;
  }
}

function show(
  { record, replay }: ConcludedComparison,
  folder: string,
  { json, failOn }: LeagueCommandOptions,
  exitCode: number,
): void {
  const text = formatCompareRecord(record);
  writeResult(path.join(folder, COMPARE_FILE), text);
  writeResult(path.join(folder, 'compare.md'), leagueMarkdown(record));
  writeResult(path.join(folder, SWEEP_FILE), sweepResults(record, knobsOf(replay.run.spec)));
  // Its first page is the comparison now.
  refreshLens(folder, replay);
  process.stdout.write(json === true ? text : `${leagueText(record, createChalk(process.env))}${folder}\n`);
  process.exitCode = exitCode !== EXIT_CODES.pass ? exitCode : leagueExitCode(record, failOn);
}

/** Knobs of an entrant's device by its label. */
function knobsOf({ cases }: RunSpec): (label: string) => KnobSettings | undefined {
  const entrants = entrantsOf(cases[0]!);
  return (label) => {
    const knobs = entrants.find((entrant) => entrant.label === label)?.knobs;
    return knobs?.kind === 'n150' ? knobs.knobs : undefined;
  };
}

function leagueExitCode({ league }: CompareRecord, failOn: LeagueCommandOptions['failOn']): number {
  const words = failOn === undefined ? [] : failOn === 'worse' ? ['worse'] : ['worse', 'undecided'];
  return league.some(({ word }) => words.includes(word)) ? EXIT_CODES.accuracyFail : EXIT_CODES.pass;
}
