// Several logs of one spec, each with some of its prompts, as the one log that a single run would have written.
import { InputError } from '../../src/errors.ts';
import type { CaseEvent, EndEvent, LogEvent, RunEvent } from '../record/events.ts';
import { firstDifference, type RunUnit, sequencesOf, unitsOf } from '../record/run-spec.ts';
import { addUsage } from '../record/run-usage.ts';
import { formatTokenLine, withoutTiming } from '../record/token-line.ts';
import { caseId } from './run-replay.ts';

/**
 * Events in the order of the spec. A unit that several logs have must be the same in all; one that none has whole is left out, so
 * that the merged log says what is missing.
 *
 * @param logs - at least one; each as its run wrote it.
 * @throws InputError MERGE_DIFFERS when the logs are not of one spec, version or set of sources, or disagree on a row.
 */
export function mergeLogs(logs: readonly (readonly LogEvent[])[]): LogEvent[] {
  const runs = logs.map(runEventOf);
  const [first] = runs;
  if (first === undefined) throw differs('no log', 'at least one');
  for (const run of runs) requireSameRun(first, run);
  const cases = new Map<string, CaseEvent>();
  const units = new Map<string, LogEvent[]>();
  for (const log of logs) collect(log, cases, units);
  const merged: LogEvent[] = [{ ...first, part: null, startedAt: runs.map(({ startedAt }) => startedAt).sort()[0]! }];
  const begun = new Set<CaseEvent>();
  let isGap = false;
  for (const unit of unitsOf(first.spec)) {
    const events = units.get(unitId(unit));
    // A log has no gaps: what comes after the first missing unit cannot stand in it.
    isGap ||= events === undefined;
    if (events === undefined || isGap) continue;
    for (const key of sequencesOf(unit)) {
      const opened = cases.get(caseId(key));
      if (opened === undefined || begun.has(opened)) continue;
      begun.add(opened);
      merged.push(opened);
    }
    // One by one: a hundred thousand arguments are more than a call takes.
    for (const event of events) merged.push(event);
  }
  const end = mergedEnd(logs, isGap);
  return end === undefined ? merged : [...merged, end];
}

function runEventOf(log: readonly LogEvent[]): RunEvent {
  const [event] = log;
  if (event?.event !== 'run') throw differs('a log without a beginning', 'a run event');
  return event;
}

function requireSameRun(a: RunEvent, b: RunEvent): void {
  const of = ({ spec, tool, schemaVersion }: RunEvent): unknown => ({ spec, tool, schemaVersion });
  const difference = firstDifference(of(a), of(b), '');
  if (difference !== undefined) throw differs(`${difference.path}: ${difference.b}`, difference.a);
}

/** Whole units only: a sequence has its prompt event. */
function collect(log: readonly LogEvent[], cases: Map<string, CaseEvent>, units: Map<string, LogEvent[]>): void {
  const spec = runEventOf(log).spec;
  const groups = new Map<string, LogEvent[]>();
  for (const event of log) {
    if (event.event === 'case') addCase(cases, event);
    if (event.event !== 'token' && event.event !== 'prompt') continue;
    const id = JSON.stringify([event.case, event.prompt, event.user]);
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [event]);
    else group.push(event);
  }
  for (const unit of unitsOf(spec)) {
    const events = groups.get(unitId(unit));
    const ended = events?.filter(({ event }) => event === 'prompt').length ?? 0;
    if (events === undefined || ended < unit.case.variants.length) continue;
    const other = units.get(unitId(unit));
    if (other === undefined) units.set(unitId(unit), events);
    else requireSameUnit(other, events);
  }
}

function addCase(cases: Map<string, CaseEvent>, event: CaseEvent): void {
  const known = cases.get(caseId(event));
  if (known === undefined) cases.set(caseId(event), event);
  else {
    const difference = firstDifference(known, event, `${event.case}, ${event.variant}`);
    if (difference !== undefined) throw differs(`${difference.path}: ${difference.b}`, difference.a);
  }
}

function requireSameUnit(a: readonly LogEvent[], b: readonly LogEvent[]): void {
  const text = (event: LogEvent): string =>
    event.event === 'token' ? withoutTiming(formatTokenLine(event)) : JSON.stringify(event);
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [one, other] = [a[i], b[i]].map((event) => (event === undefined ? 'nothing' : text(event)));
    if (one !== other) throw differs(other!.slice(0, 200), one!.slice(0, 200));
  }
}

function mergedEnd(logs: readonly (readonly LogEvent[])[], isGap: boolean): EndEvent | undefined {
  const ends = logs.flatMap((log) => log.filter((event): event is EndEvent => event.event === 'end'));
  const [first, ...rest] = ends;
  if (first === undefined) return undefined;
  const failure = ends.find((end) => end.failure !== null)?.failure ?? null;
  return {
    event: 'end',
    finishedAt: ends
      .map(({ finishedAt }) => finishedAt)
      .sort()
      .at(-1)!,
    usage: rest.reduce((sum, { usage }) => addUsage(sum, usage), first.usage),
    failure: isGap ? (failure ?? MISSING) : null,
  };
}

const MISSING = { code: 'SHARDS_MISSING', message: 'not all prompts of the plan are in the merged logs', exitCode: 4 };

function unitId({ case: one, prompt }: RunUnit): string {
  return JSON.stringify([one.name, prompt.name, prompt.user]);
}

function differs(found: string, wanted: string): InputError {
  return new InputError('these logs are not parts of one run.', {
    code: 'MERGE_DIFFERS',
    facts: { found, wanted },
    hint: 'merge the logs of shards that were made with the same version from the same plan and files.',
  });
}
