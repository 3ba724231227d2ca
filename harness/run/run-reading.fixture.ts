// What a reading of a run's log says, without what differs between two runs of one spec: times, memory, the folder's name.
import { formatEvent, type LogEvent, parseEvent } from '../record/events.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { RunReplay } from '../replay/run-replay.ts';
import { junitXml } from '../report/junit.ts';
import { summaryMarkdown } from '../report/markdown.ts';
import { logLines } from './toy-run.fixture.ts';

/** Lines without timing, start and usage, and what is concluded from them. */
export function folderReading(folder: string): { rows: string[]; reading: string[] } {
  return { rows: rowsOf(folder), reading: reading(eventsOf(folder)) };
}

export const eventsOf = (folder: string): LogEvent[] => logLines(folder).map(parseEvent);

/** The conclusion, JUnit and summary. */
export function reading(events: readonly LogEvent[]): string[] {
  const replay = replayOf(events);
  const run = concludeRun(replay);
  const { startedAt: _start, finishedAt: _end, durationMs: _ms, usage: _usage, runId: _id, ...rest } = run;
  const cases = run.cases.map((one) => ({
    ...one,
    variants: one.variants.map((variant) => ({ ...variant, prompts: variant.prompts.map((p) => ({ ...p, ms: 0 })) })),
  }));
  const still = { ...run, runId: 'run', startedAt: '', durationMs: 0, usage: null, cases };
  return [
    JSON.stringify({ ...rest, cases }),
    junitXml(still, replay.highlights).replaceAll(/time="[^"]*"/g, ''),
    summaryMarkdown(still, replay.highlights),
  ];
}

export function replayOf([run, ...events]: readonly LogEvent[]): RunReplay {
  if (run?.event !== 'run') throw new Error('a log begins with a run');
  const replay = new RunReplay(run);
  for (const event of events) replay.add(event, formatEvent(event));
  return replay;
}

/** Lines without timing, start and usage. */
export function rowsOf(folder: string): string[] {
  return logLines(folder).map((line) => {
    const {
      timing: _timing,
      runId: _id,
      finishedAt: _end,
      usage: _usage,
      ...rest
    } = JSON.parse(line) as Record<string, unknown>;
    return JSON.stringify(rest);
  });
}
