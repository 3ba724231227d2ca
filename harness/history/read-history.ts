// From run folders to finished runs, and what two of them say at the same tokens.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { QwenPccError } from '../../src/errors.ts';
import { baselineOfRun } from '../baseline/baseline-of-run.ts';
import { BaselineTokens } from '../baseline/baseline-tokens.ts';
import { judgeBaseline } from '../baseline/judge-baseline.ts';
import { heldAgainst } from '../record/baseline.ts';
import { readRunRecord } from '../record/json-schema.ts';
import { ERROR_FILE, isRunFolder, readRunEvent } from '../record/read-log.ts';
import { RUN_FILE } from '../record/run-log.ts';
import type { RunRecord } from '../record/run-record.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { besideBaseline } from '../replay/read-baseline.ts';
import { readRun } from '../replay/read-run.ts';
import type { RunReplay } from '../replay/run-replay.ts';
import type { FinishedRun, PairedWord } from './series.ts';

/** How deep below what is given: an artifact's folder, in it that of the reports. */
const DEPTH_MAX = 4;

/** Run folders, and those of runs that could not start; links are left out: `last` is one of those beside it. */
export function runFoldersBelow(folder: string, depth: number = DEPTH_MAX): string[] {
  if (isRunFolder(folder) || existsSync(path.join(folder, ERROR_FILE))) return [folder];
  if (depth === 0) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(folder, name))
    .sort()
    .flatMap((inner) => runFoldersBelow(inner, depth - 1));
}

export interface ReadRuns {
  readonly runs: readonly FinishedRun[];
  readonly leftOut: readonly { readonly folder: string; readonly reason: string }[];
}

class LeftOut extends Error {}

/** What cannot be read, or is no whole run, is left out by name. */
export function readRuns(folders: readonly string[]): ReadRuns {
  const runs: FinishedRun[] = [];
  const leftOut: { folder: string; reason: string }[] = [];
  for (const folder of folders) {
    try {
      if (!isRunFolder(folder)) throw new LeftOut('this run did not start');
      const { spec, part } = readRunEvent(folder);
      const run = recordOf(folder);
      if (part !== null) throw new LeftOut('a part of a plan; its merge is what counts');
      if (run.failure !== null) throw new LeftOut(run.failure.message);
      runs.push({ folder, spec, run });
    } catch (error) {
      // Anything else is a fault of ours, and is not to look like one of the folder.
      if (!(error instanceof LeftOut || error instanceof QwenPccError)) throw error;
      leftOut.push({ folder, reason: error.message.split('\n')[0]! });
    }
  }
  return { runs, leftOut };
}

/** As the run left it; a log alone is read once more. */
function recordOf(folder: string): RunRecord {
  return existsSync(path.join(folder, RUN_FILE)) ? readRunRecord(folder) : concludeRun(readRun(folder));
}

/** Words by the paired tests of baselines; logs are read when they are asked for, each once. */
export function pairedWords(): PairedWord {
  const read = new Map<string, { readonly replay: RunReplay; readonly tokens: BaselineTokens }>();
  const logOf = (folder: string) => {
    const known = read.get(folder);
    if (known !== undefined) return known;
    const tokens = new BaselineTokens();
    const fresh = { replay: readRun(folder, (record) => tokens.add(record)), tokens };
    read.set(folder, fresh);
    return fresh;
  };
  return (from, to, caseName, variant) => {
    try {
      const [a, b] = [logOf(from.folder), logOf(to.folder)];
      const before = baselineOfRun(
        {
          ...besideBaseline(a.replay, a.tokens),
          run: a.replay.run,
          verdict: 'pass',
          summaryOf: (name, of) => a.replay.gate.summarizeVariant(name, of),
        },
        { reason: 'the run before', acceptedAt: a.replay.run.startedAt, before: undefined },
      );
      const { variants } = judgeBaseline(heldAgainst(before), besideBaseline(b.replay, b.tokens));
      return variants.find((one) => one.case === caseName && one.variant === variant)?.text ?? null;
    } catch (error) {
      if (!(error instanceof QwenPccError)) throw error;
      // A log that was changed or lost since: the numbers of run.json stand without a word.
      return null;
    }
  };
}
