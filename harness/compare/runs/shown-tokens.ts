// The tokens that a comparison shows one by one: of each change the ten most important, kept while the runs are read.
import type { DiffToken, ShownChange } from './run-diff.ts';
import { SHOWN_CHANGES } from './run-diff.ts';

export const SHOWN_PER_CHANGE = 10;

/** A token without what is only written of those that are shown. */
export type RankedToken = Omit<DiffToken, 'inspect'>;

type Order = (a: RankedToken, b: RankedToken) => number;

/**
 * Most important first. Failing tokens by what they are where they fail, PCC before KL, none lowest; those that fail or pass in both
 * by how far they moved. Equal ones by name and position, so that neither the order of the logs nor that of the runs decides.
 */
const ORDERS: Readonly<Record<ShownChange, Order>> = {
  newlyFails: (x, y) => bySeverity(x, y, 'b') || byName(x, y),
  newlyHeals: (x, y) => bySeverity(x, y, 'a') || byName(x, y),
  stillFails: (x, y) => compare(y.drift, x.drift) || compare(lowestPcc(x), lowestPcc(y)) || byName(x, y),
  drifted: (x, y) => compare(y.drift, x.drift) || byName(x, y),
};

export class ShownTokens {
  readonly #kept = Object.fromEntries(SHOWN_CHANGES.map((change) => [change, [] as RankedToken[]])) as Record<
    ShownChange,
    RankedToken[]
  >;

  add(change: ShownChange, token: RankedToken): void {
    const kept = this.#kept[change];
    const order = ORDERS[change];
    if (kept.length === SHOWN_PER_CHANGE && order(kept.at(-1)!, token) <= 0) return;
    let at = kept.length;
    while (at > 0 && order(token, kept[at - 1]!) < 0) at--;
    kept.splice(at, 0, token);
    if (kept.length > SHOWN_PER_CHANGE) kept.pop();
  }

  /** @param inspect - the commands that show a token. */
  conclude(inspect: (token: RankedToken) => DiffToken['inspect']): Record<ShownChange, DiffToken[]> {
    return Object.fromEntries(
      SHOWN_CHANGES.map((change) => [change, this.#kept[change].map((one) => ({ ...one, inspect: inspect(one) }))]),
    ) as Record<ShownChange, DiffToken[]>;
  }
}

function bySeverity(x: RankedToken, y: RankedToken, side: 'a' | 'b'): number {
  return (
    compare(x[side].pcc ?? Number.NEGATIVE_INFINITY, y[side].pcc ?? Number.NEGATIVE_INFINITY) ||
    compare(y[side].klNats ?? Number.POSITIVE_INFINITY, x[side].klNats ?? Number.POSITIVE_INFINITY)
  );
}

function lowestPcc({ a, b }: RankedToken): number {
  return Math.min(a.pcc ?? Number.NEGATIVE_INFINITY, b.pcc ?? Number.NEGATIVE_INFINITY);
}

/** Variants of other names stand alone in their case, so that one of the names is enough. */
function byName(x: RankedToken, y: RankedToken): number {
  return (
    compare(x.case, y.case) ||
    compare(x.prompt, y.prompt) ||
    compare(x.user, y.user) ||
    compare(x.position, y.position) ||
    compare(x.variant.a, y.variant.a)
  );
}

/** Of code units or numbers; infinities are equal to themselves. */
function compare<T extends string | number>(x: T, y: T): number {
  return x < y ? -1 : x > y ? 1 : 0;
}
