// What of a run was made twice: rows, bits, the spread of a variant, and the tokens that lie within it; pure.
import type { SpreadOf } from '../gate/unstable.ts';
import type { DeterminismReading, RepeatedRows, VariantDeterminism } from '../record/determinism.ts';
import { joinSpreads, NO_SPREAD, REPEAT_WAYS, type RepeatEvent, type Spread } from '../record/repeat.ts';
import { promptLabel } from '../record/token-record.ts';
import { caseId, type RunReplay } from './run-replay.ts';

/** The spread of a variant holds for all its tokens; undefined for a run that repeats nothing. */
export function spreadsOf({ run, repeats }: RunReplay): SpreadOf | undefined {
  if (run.spec.repeat === undefined) return undefined;
  const spreads = new Map<string, Spread>();
  for (const event of [...repeats.values()].flat()) {
    const id = caseId(event);
    spreads.set(id, joinSpreads(spreads.get(id) ?? NO_SPREAD, event.spread));
  }
  return (key) => spreads.get(caseId(key));
}

/** Undefined for a run that repeats nothing. */
export function readDeterminism(replay: RunReplay): DeterminismReading | undefined {
  const { repeat, cases } = replay.run.spec;
  const spreadOf = spreadsOf(replay);
  if (repeat === undefined || spreadOf === undefined) return undefined;
  const all = [...replay.repeats.values()];
  const variants = cases.flatMap((one) =>
    one.variants.flatMap((variant): VariantDeterminism[] => {
      const key = { case: one.name, variant: variant.name };
      const own = all.filter(([first]) => first !== undefined && caseId(first) === caseId(key));
      if (own.length === 0) return [];
      const isOwn = (other: { readonly case: string; readonly variant: string }): boolean =>
        caseId(other) === caseId(key);
      return [
        {
          ...key,
          prompts: own.map(([first]) => promptLabel(first!)),
          ways: REPEAT_WAYS.map((way) => rowsOf(way, own.flat())),
          spread: spreadOf(key) ?? NO_SPREAD,
          unstableTokens: replay.gate.countUnstable(isOwn, spreadOf).tokens,
        },
      ];
    }),
  );
  return { ...repeat, variants };
}

function rowsOf(way: RepeatedRows['way'], events: readonly RepeatEvent[]): RepeatedRows {
  const own = events.filter((event) => event.way === way);
  const sum = (of: (event: RepeatEvent) => number): number => own.reduce((total, event) => total + of(event), 0);
  return {
    way,
    rows: sum(({ rows }) => rows),
    equal: sum(({ equal }) => equal),
    measured: sum(({ measured }) => measured),
    maxAbs: Math.max(0, ...own.map(({ maxAbs }) => maxAbs)),
  };
}

/** Clauses of the headline: a device that does not repeat its rows is said, whatever the verdict. */
export function spreadNotices(reading: DeterminismReading | undefined): string[] {
  return (reading?.variants ?? []).flatMap(({ case: name, variant, ways }) => {
    const differing = ways.filter(({ rows, equal }) => equal < rows);
    if (differing.length === 0) return [];
    const rows = differing.map(({ way, rows: all, equal }) => `${way} ${all - equal} of ${all} rows`).join(', ');
    const isUnmeasured = differing.every(({ maxAbs }) => maxAbs === 0);
    const place = variant === name ? name : `${name}, ${variant}`;
    return [
      `${place}: fed again the device gives other bits (${rows})${isUnmeasured ? ', none of them measured' : ''}`,
    ];
  });
}
