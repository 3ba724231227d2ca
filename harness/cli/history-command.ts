// qwen-pcc history: what runs and accepted states did over time: since when, by how much, which run first broke.
import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { EXIT_CODES, UsageError } from '../../src/errors.ts';
import { replaceFile } from '../../src/files/replace-file.ts';
import { acceptedStates } from '../history/accepted-states.ts';
import { HISTORY_FILE, historyOfRun } from '../history/history-of-run.ts';
import { HISTORY_VERSION, type HistoryRecord, HistoryRecordSchema } from '../history/history-record.ts';
import { historyText } from '../history/history-text.ts';
import { pairedWords, readRuns, runFoldersBelow } from '../history/read-history.ts';
import { seriesOf } from '../history/series.ts';
import { historyPage } from '../lens/history/history-page.ts';
import { guardWrite } from '../record/file-errors.ts';
import { findRunFolder, readRunEvent } from '../record/read-log.ts';
import { createChalk } from '../report/plain-table.ts';
import { baselineFile, readBaselineFile } from './baseline-file.ts';
import { refreshLens } from './rewrite-lens.ts';

interface HistoryOptions {
  readonly baseline?: string;
  readonly html?: string;
  readonly lens?: string;
  readonly json?: boolean;
}

export function historyCommand(): Command {
  return new Command('history')
    .description('runs over time: since when, by how much, which run first broke; and the accepted states')
    .argument('[folder...]', 'run folders, or folders with run folders in them', ['reports'])
    .option(
      '--baseline <file>',
      'the accepted state, whose commits are read (default: baseline.json in the first folder)',
    )
    .option('--html <file>', 'also write a page with a plot a series')
    .option(
      '--lens <run>',
      'also put the plot into the report of this run: a run folder, or a run id or `last` in the first folder',
    )
    .option('--json', 'print the record instead of the tables')
    .action(history);
}

function history(folders: readonly string[], options: HistoryOptions): void {
  const found = [...new Set(folders.flatMap(foldersIn))];
  const { runs, leftOut } = readRuns(found);
  const file = baselineFile(options.baseline, folders[0]!);
  const record: HistoryRecord = {
    schemaVersion: HISTORY_VERSION,
    series: seriesOf(runs, pairedWords()),
    baseline: options.baseline === undefined && !existsSync(file) ? null : statesOf(file),
    leftOut,
  };
  const { html, lens } = options;
  if (lens !== undefined) putIntoLens(record, findRunFolder(lens, folders[0]!), found);
  if (html !== undefined) guardWrite(html, () => replaceFile(html, historyPage(record)));
  const text = `${JSON.stringify(z.encode(HistoryRecordSchema, record), null, 2)}\n`;
  process.stdout.write(options.json === true ? text : historyText(record, createChalk(process.env)));
  process.exitCode = EXIT_CODES.pass;
}

/**
 * @param read - folders of the runs that were read: runs of several places may have begun in the same second, and so have one id.
 * @throws UsageError HISTORY_LENS for a run that is not among those that were read.
 */
function putIntoLens(record: HistoryRecord, folder: string, read: readonly string[]): void {
  const { runId } = readRunEvent(folder);
  const place = realpathSync(folder);
  const own = read.some((one) => realpathSync(one) === place) ? historyOfRun(record, runId) : undefined;
  if (own === undefined) {
    throw new UsageError(`${folder}: this run is in none of the series.`, {
      code: 'HISTORY_LENS',
      facts: { found: runId, wanted: 'a finished run of the folders that are named' },
      hint: 'name the folder that it lies in too, and the whole run where it is a part of a plan.',
    });
  }
  const file = path.join(folder, HISTORY_FILE);
  guardWrite(file, () => replaceFile(file, `${JSON.stringify(z.encode(HistoryRecordSchema, own), null, 2)}\n`));
  refreshLens(folder);
}

function statesOf(file: string): HistoryRecord['baseline'] {
  const { state, earlier } = readBaselineFile(file);
  return acceptedStates(file, [state, ...earlier]);
}

/** @throws UsageError HISTORY_FOLDER for what is not there or holds no run. */
function foldersIn(folder: string): string[] {
  const found = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? runFoldersBelow(folder) : [];
  if (found.length > 0) return found;
  throw new UsageError(`${folder}: there is no run in it.`, {
    code: 'HISTORY_FOLDER',
    facts: { wanted: 'a run folder, or a folder with run folders in it' },
    hint: 'name where `validate --out` put them, or make a run with `qwen-pcc validate`.',
  });
}
