// Writes report.html of a run anew, and its digest into run.json where the run has one.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../../src/files/make-folder.ts';
import { replaceFile } from '../../src/files/replace-file.ts';
import { type LensFiles, type LensOptions, writeLens } from '../lens/write-lens.ts';
import { guardWrite } from '../record/file-errors.ts';
import { RUN_FILE } from '../record/run-log.ts';
import { formatRunRecord, type RunRecord } from '../record/run-record.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { readRun } from '../replay/read-run.ts';
import type { RunReplay } from '../replay/run-replay.ts';
import { listArtifacts } from '../run/write-run.ts';

/** Of a run that was read before. @throws InputError FILE_WRITE. */
export function rewriteLens(folder: string, run: RunRecord, replay: RunReplay, options: LensOptions = {}): LensFiles {
  const files = writeLens(run, replay.highlights, folder, options);
  for (const [name, content] of Object.entries(files)) write(path.join(folder, name), content);
  const record = path.join(folder, RUN_FILE);
  if (existsSync(record)) write(record, formatRunRecord({ ...run, artifacts: listArtifacts(folder) }));
  return files;
}

/** After something came to the folder that its report shows. @param replay - of its whole log, where it was read before. */
export function refreshLens(folder: string, replay: RunReplay = readRun(folder)): void {
  rewriteLens(folder, concludeRun(replay), replay);
}

function write(target: string, content: string): void {
  guardWrite(target, () => {
    makeFolder(path.dirname(target));
    replaceFile(target, content);
  });
}
