// history.json of a run folder, for its report: the history that this very run is a part of, or nothing.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { HISTORY_FILE, hasRun } from '../../history/history-of-run.ts';
import { type HistoryRecord, HistoryRecordSchema } from '../../history/history-record.ts';

/** Undefined where there is none; the folder is anybody's, so a file that is no history, or one of other runs, is none. */
export function readHistory(folder: string, runId: string): HistoryRecord | undefined {
  const file = path.join(folder, HISTORY_FILE);
  if (!existsSync(file)) return undefined;
  const parsed = HistoryRecordSchema.safeParse(jsonOf(file));
  return parsed.success && parsed.data.series.length > 0 && parsed.data.series.every((one) => hasRun(one, runId))
    ? parsed.data
    : undefined;
}

function jsonOf(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
