// Several logs of one spec, each with some of its prompts, as the one log that a single run would have written; no event is kept.
import { ComparisonInvalidError, InputError } from '../../src/errors.ts';
import { type CaseEvent, type EndEvent, formatEvent, type LogEvent, type RunEvent } from '../record/events.ts';
import { firstDifference, type RunUnit, sequencesOf, unitsOf } from '../record/run-spec.ts';
import { addUsage, type RunUsage } from '../record/run-usage.ts';
import { formatTokenLine, withoutTiming } from '../record/token-line.ts';
import { commandWithoutShard, missingFailure, missingUnits } from './missing-units.ts';
import type { RunPart } from './run-part.ts';
import { caseId } from './run-replay.ts';

export interface MergedEvent {
  readonly event: LogEvent;
  /** The part whose event it is; null for what is of all. */
  readonly from: RunPart | null;
}

/**
 * Events in the order of the spec, read from all parts side by side. A unit that several have must be the same in all but for times. Where
 * units are missing, the log is that of the others, and its end says which.
 *
 * @param parts - at least one, whatever their order.
 * @throws InputError MERGE_PLAN, MERGE_VERSION, MERGE_SOURCE; ComparisonInvalidError MERGE_ROWS.
 */
export function* mergeLogs(parts: readonly RunPart[]): Generator<MergedEvent, void, undefined> {
  const cases = requireOneRun(parts);
  const missing = missingUnits(parts);
  yield { event: mergedRun(parts, missing), from: null };
  const begun = new Set<string>();
  const cursors = parts.map((part) => new Cursor(part));
  try {
    for (const [index, unit] of unitsOf(parts[0]!.run.spec).entries()) {
      const [first, ...others] = cursors.filter(({ part }) => part.units.includes(index));
      if (first === undefined) continue;
      for (const id of new Set(sequencesOf(unit).map(caseId))) {
        if (!begun.has(id)) yield { event: cases.get(id)!, from: null };
        begun.add(id);
      }
      for (const event of sameUnit(unit, first, others)) yield { event, from: first.part };
    }
  } finally {
    for (const cursor of cursors) cursor.close();
  }
  const end = mergedEnd(parts, missing);
  if (end !== undefined) yield { event: end, from: null };
}

/** Where the reading of a part is: logs have their units in the order of the plan. */
class Cursor {
  readonly part: RunPart;
  readonly #events: Iterator<LogEvent>;

  constructor(part: RunPart) {
    this.part = part;
    this.#events = part.events()[Symbol.iterator]();
  }

  /** Tokens and ends of the next unit. */
  *unit({ case: one, prompt }: RunUnit): Generator<LogEvent, void, undefined> {
    let ended = 0;
    while (ended < one.variants.length) {
      const { value: event, done } = this.#events.next();
      if (done === true) throw new TypeError(`${this.part.name}: a unit that was whole ends early`);
      if (event.event !== 'token' && event.event !== 'repeat' && event.event !== 'prompt') continue;
      if (event.case !== one.name || event.prompt !== prompt.name || event.user !== prompt.user) continue;
      if (event.event === 'prompt') ended++;
      yield event;
    }
  }

  close(): void {
    this.#events.return?.();
  }
}

/** The first one's events, once every other has said the same. */
function* sameUnit(unit: RunUnit, first: Cursor, others: readonly Cursor[]): Generator<LogEvent, void, undefined> {
  const beside = others.map((cursor) => ({ cursor, events: cursor.unit(unit) }));
  for (const event of first.unit(unit)) {
    for (const { cursor, events } of beside) requireSameEvent(first, event, cursor, events.next().value ?? undefined);
    yield event;
  }
  for (const { cursor, events } of beside) {
    const more = events.next().value;
    if (more !== undefined) requireSameEvent(first, undefined, cursor, more);
  }
}

function requireSameEvent(a: Cursor, one: LogEvent | undefined, b: Cursor, other: LogEvent | undefined): void {
  const text = (event: LogEvent | undefined): string => {
    if (event === undefined) return 'nothing';
    return event.event === 'token' ? withoutTiming(formatTokenLine(event)) : formatEvent(event);
  };
  const [ours, theirs] = [text(one), text(other)];
  if (ours === theirs) return;
  let at = 0;
  while (ours[at] === theirs[at]) at++;
  const shown = (line: string): string => `${line.slice(0, 120)} … ${line.slice(Math.max(0, at - 30), at + 50)}`;
  throw new ComparisonInvalidError(`${b.part.name} says something else of a token than ${a.part.name}.`, {
    code: 'MERGE_ROWS',
    facts: { [a.part.name]: shown(ours), [b.part.name]: shown(theirs) },
    hint: 'a prompt in two logs must have the same numbers in both; find out which one is right, and leave the other log out.',
  });
}

/** @returns what was opened, by case and variant. */
function requireOneRun(parts: readonly RunPart[]): ReadonlyMap<string, CaseEvent> {
  const [first] = parts;
  if (first === undefined) throw new TypeError('nothing to merge');
  const cases = new Map<string, { readonly event: CaseEvent; readonly part: RunPart }>();
  for (const part of parts) {
    requireSame('MERGE_VERSION', versionOf(first.run), versionOf(part.run), first, part);
    requireSame('MERGE_PLAN', first.run.spec, part.run.spec, first, part);
    for (const [id, event] of part.cases) {
      const known = cases.get(id);
      if (known === undefined) cases.set(id, { event, part });
      else requireSame('MERGE_SOURCE', known.event, event, known.part, part);
    }
  }
  return new Map(Array.from(cases, ([id, { event }]) => [id, event]));
}

function versionOf({ tool, schemaVersion }: RunEvent): unknown {
  return { tool, schemaVersion };
}

const WORDS = {
  MERGE_VERSION: {
    what: 'was made by another version of qwen-pcc than',
    hint: 'rows of two versions do not mix; run both with one.',
  },
  MERGE_PLAN: {
    what: 'has another plan than',
    hint: 'give every shard the same options but for --shard, or leave this log out.',
  },
  MERGE_SOURCE: {
    what: 'had another reference or device than',
    hint: 'run every shard on the same files, or leave this log out.',
  },
} as const;

function requireSame(code: keyof typeof WORDS, a: unknown, b: unknown, first: RunPart, other: RunPart): void {
  const difference = firstDifference(a, b, '');
  if (difference === undefined) return;
  const { what, hint } = WORDS[code];
  throw new InputError(`${other.name} ${what} ${first.name}.`, {
    code,
    facts: { field: difference.path, [first.name]: difference.a, [other.name]: difference.b },
    hint,
  });
}

function mergedRun(parts: readonly RunPart[], missing: readonly number[]): RunEvent {
  const { shard: _shard, ...run } = parts[0]!.run;
  const left = new Set(missing);
  const processors = [...new Set(parts.map(({ run: { machine } }) => machine.cpu))].sort();
  return {
    ...run,
    startedAt: parts.map((part) => part.run.startedAt).sort()[0]!,
    command: commandWithoutShard(run),
    notes: [
      ...new Set(parts.flatMap((part) => part.run.notes)),
      // The last bits of a reference are its processor's.
      ...(processors.length > 1 ? [`the parts were run on different processors: ${processors.join(', ')}`] : []),
    ],
    part: missing.length === 0 ? null : [...unitsOf(run.spec).keys()].filter((index) => !left.has(index)),
  };
}

const NO_USAGE: RunUsage = {
  openMs: { golden: 0, actual: 0 },
  goldenMs: 0,
  actualMs: 0,
  compareMs: 0,
  peakAnonymousBytes: null,
  peakResidentBytes: null,
};

/** Undefined if no part was ended, but all units are there: killed after the last. */
function mergedEnd(parts: readonly RunPart[], missing: readonly number[]): EndEvent | undefined {
  const ends = parts.flatMap(({ end }) => end ?? []);
  if (ends.length === 0 && missing.length === 0) return undefined;
  const times = [...ends.map(({ finishedAt }) => finishedAt), ...parts.map(({ run }) => run.startedAt)];
  const [first, ...rest] = ends.map(({ usage }) => usage);
  return {
    event: 'end',
    finishedAt: times.sort().at(-1)!,
    usage: rest.reduce(addUsage, first ?? NO_USAGE),
    failure: missing.length === 0 ? null : missingFailure(parts, missing),
  };
}
