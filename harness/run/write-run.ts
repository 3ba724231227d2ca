// Does a run in its folder and leaves every report of it there, whatever ended it.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../src/errors.ts';
import { printable } from '../../src/text/printable.ts';
import type { TokenHighlights } from '../gate/token-highlights.ts';
import type { RunEvent } from '../record/events.ts';
import { LOCAL_FILE, type LocalPaths } from '../record/local-paths.ts';
import { LOG_FILE } from '../record/read-log.ts';
import { LOCK_FILE, lockRun } from '../record/run-lock.ts';
import { RUN_FILE, RunLog } from '../record/run-log.ts';
import { formatRunRecord, type RunRecord } from '../record/run-record.ts';
import { RunSpecSchema } from '../record/run-spec.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { readForResume } from '../replay/read-run.ts';
import { RunReplay } from '../replay/run-replay.ts';
import { type PerformOptions, performRun } from './perform-run.ts';

/** A log with the state of what it has. */
export interface StartedRun {
  readonly log: RunLog;
  readonly replay: RunReplay;
}

/** By the name of the file: its text, or several files by their paths in the folder, whose log may be read once more. */
export type RunReports = Readonly<
  Record<
    string,
    (run: RunRecord, highlights: TokenHighlights, folder: string) => string | Readonly<Record<string, string>>
  >
>;

export interface WriteOptions extends Omit<PerformOptions, 'log' | 'replay'> {
  /** Written beside run.json; none if absent. */
  readonly reports?: RunReports;
}

export interface WrittenRun {
  readonly folder: string;
  readonly run: RunRecord;
  readonly replay: RunReplay;
  /** What ended the run before its plan was done; undefined if it was done. */
  readonly failure: unknown;
}

/**
 * Makes a run's folder under `parent` and begins its log.
 *
 * @throws UsageError RUN_SPEC, InputError when the folder cannot be made.
 */
export function startRun(parent: string, run: Omit<RunEvent, 'runId'>, local: LocalPaths): StartedRun {
  const checked = z.safeEncode(RunSpecSchema, run.spec);
  // From a program that calls the library; nothing was made yet.
  if (!checked.success) {
    throw new UsageError('the spec of the run is none.', {
      code: 'RUN_SPEC',
      facts: { found: printable(z.prettifyError(checked.error)) },
      hint: 'planRun makes a whole one.',
    });
  }
  const { log, run: event } = RunLog.create(parent, run, local);
  return { log, replay: new RunReplay(event) };
}

/**
 * Takes a run up again: its log is locked, read and checked before anything of it changes.
 *
 * @throws InputError RUN_LOCKED, LOG_BROKEN, LOG_INCONSISTENT.
 */
export function resumeRun(folder: string, check: (replay: RunReplay) => void = () => undefined): StartedRun {
  const lock = lockRun(folder);
  try {
    const { replay, point } = readForResume(folder);
    check(replay);
    return { log: RunLog.goOn(folder, lock, point), replay };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * @throws InputError if the log or the reports cannot be written; what is in the log is kept even then.
 */
export async function writeRun({ log, replay }: StartedRun, options: WriteOptions): Promise<WrittenRun> {
  try {
    const failure = replay.end === null ? await performRun({ ...options, log, replay }) : undefined;
    return { folder: log.folder, run: writeReports(log, replay, options.reports ?? {}), replay, failure };
  } finally {
    log.close();
  }
}

/** Every reading of the log that a run leaves in its folder, run.json last: it lists the others. */
export function writeReports(log: RunLog, replay: RunReplay, reports: RunReports): RunRecord {
  const draft = concludeRun(replay);
  for (const [name, write] of Object.entries(reports)) {
    const written = write(draft, replay.highlights, log.folder);
    const files = typeof written === 'string' ? { [name]: written } : written;
    for (const [file, content] of Object.entries(files)) log.writeFile(file, content);
  }
  const run = { ...draft, artifacts: listArtifacts(log.folder) };
  log.writeFile(RUN_FILE, formatRunRecord(run));
  return run;
}

const KINDS: Readonly<Record<string, string>> = {
  '.jsonl': 'log',
  '.xml': 'JUnit',
  '.md': 'summary',
  '.html': 'token lens',
  '.js': 'token lens, further pages',
  '.safetensors': 'evidence',
};

/** Of this machine or this moment: no part of what a run hands on. */
const NO_ARTIFACTS: ReadonlySet<string> = new Set([RUN_FILE, LOCAL_FILE, LOCK_FILE]);

/** Every file of the folder that a run hands on, by path; the log first of all. */
export function listArtifacts(folder: string): RunRecord['artifacts'] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !NO_ARTIFACTS.has(entry.name) && KINDS[path.extname(entry.name)] !== undefined)
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map((file) => ({
      path: path.relative(folder, file).replaceAll('\\', '/'),
      kind: path.basename(file) === LOG_FILE ? 'log' : KINDS[path.extname(file)]!,
      bytes: statSync(file).size,
      sha256: digestOf(file),
    }));
}

const READ_BYTES = 1 << 20;

function digestOf(file: string): string {
  const digest = createHash('sha256');
  const chunk = Buffer.alloc(READ_BYTES);
  const fd = openSync(file, 'r');
  try {
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) digest.update(chunk.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return digest.digest('hex');
}
