// One step of the scale benchmark, in a process of its own so that its memory is its own: run, read, resume, split or merge; figures as JSON.
import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { RUN_REPORTS } from '../../lens/run-reports.ts';
import { formatEvent } from '../../record/events.ts';
import { LOG_FILE, readLog } from '../../record/read-log.ts';
import { concludeRun } from '../../replay/conclude-run.ts';
import { readRun } from '../../replay/read-run.ts';
import type { RunReplay } from '../../replay/run-replay.ts';
import { mergeRuns } from '../../run/merge-runs.ts';
import { resumeRun, startRun, type WrittenRun, writeRun } from '../../run/write-run.ts';
import { steadyCase, steadyHeader } from './steady-run.ts';

/** Seconds of processor time of each part, and what the run said. */
export interface StepFigures {
  readonly seconds: Readonly<Record<string, number>>;
  readonly status: string;
  readonly tokens: number;
}

const [step, place, tokens, prompts] = process.argv.slice(2);
const steps: Readonly<Record<string, (place: string) => Promise<StepFigures>>> = { run, read, resume, split, merge };
process.stdout.write(JSON.stringify(await steps[step!]!(place!)));

function openable(): ReturnType<typeof steadyCase> {
  return steadyCase(Number(tokens), Number(prompts));
}

/** The whole run, reports included. */
async function run(parent: string): Promise<StepFigures> {
  const one = openable();
  const local = { currentFolder: '/', arguments: [], cases: {} };
  const since = now();
  const written = await writeRun(startRun(parent, steadyHeader(one), local), { cases: [one], reports: RUN_REPORTS });
  return figures(written, { run: secondsSince(since), ...secondsOf(written.replay) });
}

async function read(folder: string): Promise<StepFigures> {
  const since = now();
  const replay = readRun(folder);
  const seconds = { read: secondsSince(since), ...secondsOf(replay) };
  return { seconds, status: concludeRun(replay).verdict.status, tokens: replay.highlights.judged };
}

async function resume(folder: string): Promise<StepFigures> {
  const one = openable();
  const since = now();
  const started = resumeRun(folder);
  const taken = secondsSince(since);
  const written = await writeRun(started, { cases: [one], reports: RUN_REPORTS });
  return figures(written, { resume: taken, resumed: secondsSince(since) });
}

/** The log of a whole run as those of so many shards, each with every so-manieth prompt; `tokens` says how many. */
async function split(folder: string): Promise<StepFigures> {
  const count = Number(tokens);
  const folders = partFolders(folder, count);
  for (const one of folders) mkdirSync(one);
  let unit = 0;
  let batch: string[] = [];
  const write = (to: readonly string[]): void => {
    for (const one of to) appendFileSync(path.join(one, LOG_FILE), batch.join(''));
    batch = [];
  };
  for (const { event, text } of readLog(folder, { isKnown: true })) {
    if (event.event === 'run') {
      const units = [...event.spec.cases[0]!.prompts.keys()];
      for (const [i, one] of folders.entries()) {
        const run = { ...event, part: units.filter((index) => index % count === i), shard: { index: i + 1, count } };
        appendFileSync(path.join(one, LOG_FILE), `${formatEvent(run)}\n`);
      }
      continue;
    }
    batch.push(`${text}\n`);
    if (event.event === 'case' || event.event === 'end') write(folders);
    else if (event.event === 'prompt') write([folders[unit++ % count]!]);
    else if (batch.length >= 1000) write([folders[unit % count]!]);
  }
  return { seconds: {}, status: 'pass', tokens: 0 };
}

function partFolders(folder: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => path.join(path.dirname(folder), `part-${i + 1}`));
}

async function merge(folder: string): Promise<StepFigures> {
  const since = now();
  const { run: record, replay } = mergeRuns(
    partFolders(folder, Number(tokens)),
    path.join(folder, '..', 'merged'),
    RUN_REPORTS,
  );
  return { seconds: { merge: secondsSince(since) }, status: record.verdict.status, tokens: replay.highlights.judged };
}

function figures({ run: record, replay }: WrittenRun, seconds: StepFigures['seconds']): StepFigures {
  const { usage } = record;
  const computing = usage === null ? 0 : (usage.goldenMs + usage.actualMs) / 1000;
  return {
    seconds: { ...seconds, computing },
    status: record.verdict.status,
    tokens: replay.highlights.judged,
  };
}

/** Of the gate's verdict alone, and of all that is concluded for run.json. */
function secondsOf(replay: RunReplay): { readonly gate: number; readonly conclude: number } {
  const { run: event } = replay;
  const plan = event.spec.cases.flatMap((one) =>
    one.prompts.map(({ name: prompt, user, promptIds, continuationIds }) => {
      const length = promptIds.length + (continuationIds?.length ?? 0);
      return { case: one.name, variant: one.variants[0]!.name, prompt, user, tokens: length, end: length };
    }),
  );
  const since = now();
  replay.gate.conclude(plan);
  const gate = secondsSince(since);
  const before = now();
  concludeRun(replay);
  return { gate, conclude: secondsSince(before) };
}

/** Of processor time, which a busy machine does not lengthen; threads that collect garbage count too. */
function now(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function secondsSince(since: number): number {
  return now() - since;
}
