// A log as a part of a run: which units of the plan it has whole, and its events, read again from the start as often as needed.
import type { CaseEvent, EndEvent, LogEvent, RunEvent } from '../record/events.ts';
import { readLog } from '../record/read-log.ts';
import { unitsOf } from '../record/run-spec.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { readRun } from './read-run.ts';
import { RunReplay } from './run-replay.ts';

export interface RunPart {
  /** As a message names it: its folder. */
  readonly name: string;
  readonly run: RunEvent;
  /** Units of the plan that it has whole, in the order of the log. */
  readonly units: readonly number[];
  /** Those that it was to have. */
  readonly planned: readonly number[];
  readonly cases: ReadonlyMap<string, CaseEvent>;
  readonly end: EndEvent | null;
  /** From the first; nothing of them is kept. */
  readonly events: () => Iterable<LogEvent>;
}

/**
 * A run folder, whose log is checked line by line.
 *
 * @throws InputError as `readRun`.
 */
export function partOfFolder(folder: string, onToken?: (record: TokenRecord) => void): RunPart {
  return partOf(folder, readRun(folder, onToken), () => eventsOfFolder(folder));
}

/** Events that somebody has read already, with their lines. */
export function partOfLines(
  name: string,
  lines: readonly { readonly event: LogEvent; readonly text: string }[],
): RunPart {
  const [first, ...rest] = lines;
  if (first?.event.event !== 'run') throw new TypeError(`${name}: a log begins with its run`);
  const replay = new RunReplay(first.event);
  for (const { event, text } of rest) replay.add(event, text);
  return partOf(name, replay, () => lines.map(({ event }) => event));
}

function partOf(name: string, replay: RunReplay, events: RunPart['events']): RunPart {
  const { run, cases, end, unitsDone } = replay;
  const all = unitsOf(run.spec);
  const planned = run.part?.filter((index) => all[index] !== undefined) ?? [...all.keys()];
  return { name, run, planned, units: planned.slice(0, unitsDone), cases, end, events };
}

function* eventsOfFolder(folder: string): Generator<LogEvent, void, undefined> {
  for (const { event } of readLog(folder, { isKnown: true })) yield event;
}
