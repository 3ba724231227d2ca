// compare.json of a run folder, for its report: the league of this very run, or nothing.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { COMPARE_FILE, type CompareRecord, CompareRecordSchema } from '../../compare/league/compare-record.ts';

/** Undefined where there is none; the folder is anybody's, so a file that is no league, or another run's, is none. */
export function readComparison(folder: string, runId: string): CompareRecord | undefined {
  const file = path.join(folder, COMPARE_FILE);
  if (!existsSync(file)) return undefined;
  const parsed = CompareRecordSchema.safeParse(jsonOf(file));
  return parsed.success && parsed.data.runId === runId ? parsed.data : undefined;
}

function jsonOf(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
