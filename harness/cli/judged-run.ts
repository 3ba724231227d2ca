// A run as commands do it: its header, its progress on stderr, its last words if it is ended from outside.

import { RUN_REPORTS } from '../lens/run-reports.ts';
import { type RunEvent, SCHEMA_VERSION } from '../record/events.ts';
import type { LocalPaths } from '../record/local-paths.ts';
import { tokensPlannedMax } from '../record/run-spec.ts';
import type { RunProgress } from '../report/progress.ts';
import { describeEnvironment } from '../run/environment.ts';
import { quoteWord, shownCommand } from '../run/shown-command.ts';
import { type RunReports, type StartedRun, type WrittenRun, writeRun } from '../run/write-run.ts';
import type { Models } from '../sources/models.ts';
import { openCases } from '../sources/open-cases.ts';
import { gitSha, packageVersion } from '../sources/package-root.ts';
import { packingUntil } from './interrupt.ts';
import { leaveLastWords } from './last-words.ts';

/** What a log begins with, but for notes and plan. @param args - of the command line. */
export function runHeader(args: readonly string[]): Omit<RunEvent, 'runId' | 'notes' | 'spec'> {
  return {
    event: 'run',
    schemaVersion: SCHEMA_VERSION,
    startedAt: new Date().toISOString(),
    tool: { name: 'qwen-pcc', version: packageVersion(), gitSha: gitSha() },
    machine: describeEnvironment(),
    command: shownCommand(args),
    part: null,
  };
}

export interface JudgedRunOptions {
  readonly local: LocalPaths;
  readonly models: Models;
  readonly progress: RunProgress;
  readonly signal: AbortSignal;
  /** The command that goes on with the run. */
  readonly command: 'validate' | 'compare';
  readonly mayBegin?: () => boolean;
  /** RUN_REPORTS if absent. */
  readonly reports?: RunReports;
}

/** Does what is left of a run. @throws as `writeRun`, with the log closed. */
export async function judgeRun(started: StartedRun, options: JudgedRunOptions): Promise<WrittenRun> {
  const { local, models, progress, signal, command, mayBegin, reports = RUN_REPORTS } = options;
  const { replay } = started;
  const { spec } = replay.run;
  let judged = replay.highlights.judged + replay.ladders.rungTokens;
  const planned = replay.units.reduce(
    (sum, { case: one, prompt }) => sum + one.variants.length * tokensPlannedMax(prompt, spec.limits),
    0,
  );
  progress.start(planned);
  const canSpeak = leaveLastWords(`
qwen-pcc was ended from outside, as the system does when memory runs out or a weight file in use is cut.
What was judged is kept: qwen-pcc ${command} --resume ${quoteWord(started.log.folder)}
`);
  try {
    return await writeRun(started, {
      cases: openCases(spec, local, { models, onPacking: packingUntil(signal, progress) }),
      reports,
      signal,
      ...(mayBegin === undefined ? {} : { mayBegin }),
      onToken: ({ case: name, prompt }) => progress.advance(name, prompt, ++judged),
      onStage: (name, prompt, stage) => progress.stage(name, prompt, stage),
    });
  } catch (error) {
    started.log.close();
    throw error;
  } finally {
    canSpeak();
  }
}
