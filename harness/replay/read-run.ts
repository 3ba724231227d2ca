// From a run folder to its state; where a resumed run goes on; one token of a log.
import path from 'node:path';
import { InputError } from '../../src/errors.ts';
import type { RunEvent } from '../record/events.ts';
import { brokenLog, LOG_FILE, type LogLine, type ReadLogOptions, readLog, readLogText } from '../record/read-log.ts';
import type { ResumePoint } from '../record/run-log.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { RunReplay } from './run-replay.ts';

/**
 * The state after all lines of a log.
 *
 * @param onToken - called for every judged token, e.g. to pick one; those of a ladder's rungs are in `ladders`.
 * @throws InputError LOG_BROKEN, LOG_INCONSISTENT or FILE_UNREADABLE, naming the line.
 */
export function readRun(
  folder: string,
  onToken?: (record: TokenRecord) => void,
  options: ReadLogOptions = {},
): RunReplay {
  const onLine = ({ event }: LogLine, replay: RunReplay): void => {
    if (event.event === 'token' && !replay.isRung(event)) onToken?.(event);
  };
  return watchRun(folder, onLine, options);
}

/**
 * `readRun` that shows every line once it is known to fit.
 *
 * @throws InputError as `readRun`.
 */
export function watchRun(
  folder: string,
  onLine: (line: LogLine, replay: RunReplay) => void,
  options: ReadLogOptions = {},
): RunReplay {
  let replay: RunReplay | undefined;
  for (const line of readLog(folder, options)) {
    replay = addLine(replay, line, folder);
    onLine(line, replay);
  }
  return replay!;
}

/** A run as far as its whole prompts go, and what a resumed run has to repeat. */
export interface ResumedRun {
  readonly replay: RunReplay;
  readonly point: ResumePoint;
}

/**
 * Reads a log up to its last whole prompt; the resumed run reads the lines after it, which it has to repeat, when it comes to each.
 * An end by failure is left out: the run goes on.
 *
 * @throws InputError as `readRun`; nothing is changed.
 */
export function readForResume(folder: string): ResumedRun {
  // Twice: the first pass finds the last whole prompt and checks every line of the log.
  let whole: RunReplay | undefined;
  let linesDone = 0;
  let bytesDone = 0;
  let bytes = 0;
  for (const line of readLog(folder)) {
    const before = whole?.unitsDone;
    whole = addLine(whole, line, folder);
    const isEnd = line.event.event === 'end' && line.event.failure === null;
    if (before === undefined || whole.unitsDone > before || isEnd) {
      linesDone = line.number;
      bytesDone = line.end;
    }
    if (line.event.event !== 'end' || isEnd) bytes = line.end;
  }
  let replay: RunReplay | undefined;
  for (const line of readLog(folder, { isKnown: true })) {
    if (line.number > linesDone) break;
    replay = addLine(replay, line, folder);
  }
  return { replay: replay!, point: { bytes, pending: readLogText(folder, bytesDone, bytes) } };
}

function addLine(replay: RunReplay | undefined, { event, text, number }: LogLine, folder: string): RunReplay {
  const file = path.join(folder, LOG_FILE);
  if (replay === undefined && event.event !== 'run') throw brokenLog(file, number, text, undefined);
  try {
    if (replay === undefined) return new RunReplay(event as RunEvent);
    replay.add(event, text);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${file}: line ${number} does not fit the lines before it or the plan.`, {
      code: error.code,
      facts: error.facts,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
  return replay;
}
