// Run folders of parts as one run folder: one log, its evidence, every report.
import { copyFileSync, lstatSync } from 'node:fs';
import path from 'node:path';
import { InputError } from '../../src/errors.ts';
import type { LogEvent, RunEvent } from '../record/events.ts';
import { type LocalPaths, readLocalPaths } from '../record/local-paths.ts';
import { RunLog } from '../record/run-log.ts';
import type { RunRecord } from '../record/run-record.ts';
import { mergeLogs } from '../replay/merge-logs.ts';
import { partOfFolder, type RunPart } from '../replay/run-part.ts';
import { RunReplay } from '../replay/run-replay.ts';
import { type RunReports, writeReports } from './write-run.ts';

export interface MergedRun {
  readonly folder: string;
  readonly run: RunRecord;
  readonly replay: RunReplay;
}

/**
 * Reads every log twice, and a third time where two have the same prompt; keeps no row.
 *
 * @param folders - run folders, at least one; their names stand in messages.
 * @param parent - where the new one is made, once everything was found to fit.
 * @throws InputError, ComparisonInvalidError as `mergeLogs`; InputError MERGE_EVIDENCE.
 */
export function mergeRuns(folders: readonly string[], parent: string, reports: RunReports): MergedRun {
  const parts = folders.map((folder) =>
    partOfFolder(folder, ({ evidence }) => {
      if (evidence !== null) requireEvidence(folder, evidence);
    }),
  );
  if (haveCommonUnits(parts)) Array.from(mergeLogs(parts), () => undefined);
  const events = mergeLogs(parts);
  const { log, run } = RunLog.create(parent, headerOf(events.next().value?.event), localOf(parts));
  try {
    const replay = new RunReplay(run);
    for (const { event, from } of events) {
      if (event.event === 'token' && event.evidence !== null) {
        const source = path.join(from!.name, event.evidence);
        log.keepFile(event.evidence, (file) => copyFileSync(source, file));
      }
      replay.add(event, log.append(event));
    }
    return { folder: log.folder, run: writeReports(log, replay, reports), replay };
  } finally {
    log.close();
  }
}

function headerOf(event: LogEvent | undefined): Omit<RunEvent, 'runId'> {
  if (event?.event !== 'run') throw new TypeError('a merged log begins with its run');
  const { runId: _runId, ...header } = event;
  return header;
}

function haveCommonUnits(parts: readonly RunPart[]): boolean {
  const units = parts.flatMap((part) => part.units);
  return new Set(units).size < units.length;
}

/** Of the first part that says: all were given the same files. */
function localOf(parts: readonly RunPart[]): LocalPaths | undefined {
  for (const { name } of parts) {
    try {
      return readLocalPaths(name, '');
    } catch {
      // From another machine; `inspect --weights` says where the files are.
    }
  }
  return undefined;
}

/** As `evidenceName` makes them; a log from elsewhere must not have other files copied. */
const EVIDENCE = /^evidence\/[\w.-]+\.safetensors$/;

function requireEvidence(folder: string, evidence: string): void {
  const source = path.join(folder, evidence);
  if (EVIDENCE.test(evidence) && lstatSync(source, { throwIfNoEntry: false })?.isFile() === true) return;
  throw new InputError(`${source}: the rows of a failing token are not there.`, {
    code: 'MERGE_EVIDENCE',
    facts: { wanted: `a file as runs write it: evidence/….safetensors` },
    hint: `hand on the whole folder ${folder}, evidence/ included, and merge again.`,
  });
}
