// qwen-pcc report merge: the logs of all shards as one run, with one verdict.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { RUN_REPORTS } from '../lens/run-reports.ts';
import { findRunFolder, isRunFolder } from '../record/read-log.ts';
import { formatRunRecord } from '../record/run-record.ts';
import { createChalk } from '../report/plain-table.ts';
import { terminalSummary } from '../report/terminal.ts';
import { mergeRuns } from '../run/merge-runs.ts';
import { annotateJob } from './annotate.ts';

interface MergeOptions {
  readonly out: string;
  readonly json?: boolean;
}

/** @param report - the command that this one is below; what it can do by itself stays as it is. */
export function addMerge(report: Command): Command {
  // Else it would take the options of its subcommand for its own.
  return report.enablePositionalOptions().addCommand(mergeCommand());
}

function mergeCommand(): Command {
  return new Command('merge')
    .description('the runs of all shards as one: one log, one verdict, every report')
    .argument('<run...>', 'run folders, or folders with run folders in them')
    .option('--out <dir>', 'where run folders go', 'reports')
    .option('--json', 'print run.json instead of the summary')
    .action(merge);
}

async function merge(given: readonly string[], options: MergeOptions): Promise<void> {
  const { run, replay, folder } = mergeRuns(given.flatMap(runFolders), options.out, RUN_REPORTS);
  const shown = { chalk: createChalk(process.env), folder };
  process.stdout.write(options.json === true ? formatRunRecord(run) : terminalSummary(run, replay.highlights, shown));
  annotateJob(run, replay.highlights);
  if (run.failure !== null) process.stderr.write(`${run.failure.code}: ${run.failure.message}\n`);
  process.exitCode = run.exitCode;
}

/** How deep below what is given: an artifact's folder, in it that of the reports. */
const DEPTH_MAX = 4;

/** @throws UsageError RUN_NOT_FOUND and the like for what is and holds no run. */
function runFolders(given: string): string[] {
  if (!existsSync(given) || isRunFolder(given)) return [findRunFolder(given, '.')];
  const below = foldersBelow(given, DEPTH_MAX);
  return below.length > 0 ? below : [findRunFolder(given, '.')];
}

/** Links are left out: `last` is one of those beside it. */
function foldersBelow(folder: string, depth: number): string[] {
  if (isRunFolder(folder)) return [folder];
  if (depth === 0) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(folder, name))
    .sort()
    .flatMap((inner) => foldersBelow(inner, depth - 1));
}
