// What a change is worth: shares of a token's KL over the draws of its roundings, what counts as healing, and the order of a table.
import type { Change, TokenMeasure } from '../record/why-record.ts';
import type { PlannedChange } from './changes.ts';

/**
 * A promotion that takes this share of the KL away heals; with less, pairs are tried. On the real token of docs/why.md the cause takes more
 * than 99 % away, and the same change in any layer but its own at most 4 %: nothing lies between, so that any limit would tell them apart;
 * this one leaves a fifth for all other roundings.
 */
export const HEALING_SHARE = 0.8;
/** A demotion that makes so much of it breaks: more than all others together. */
export const BREAKING_SHARE = 0.5;
/** A change that does so much of what another does stands for it, where it is the one that can be turned or the narrower one. */
export const NEARLY = 0.9;
/**
 * Changes that are worth more than one draw of the roundings, as far as there is room. What takes less than this away stands below whatever
 * heals in any draw, and is drawn again only as part of a pair.
 */
export const DRAWN_SHARE = 0.3;

/** A change with what is made of earlier positions. */
export interface Variation {
  readonly change: PlannedChange;
  readonly past: Change['past'];
}

/** One measure a draw: 0 as the roundings fell. */
export type Measured = ReadonlyMap<Variation, readonly TokenMeasure[]>;

/** Of the device's KL, means over as many draws; null where it does not exist. @param device - by draw, at least as many. */
export function shareOf(
  { change }: Variation,
  measures: readonly TokenMeasure[],
  device: readonly TokenMeasure[],
): number | null {
  const [made, whole] = [meanKl(measures), meanKl(device.slice(0, measures.length))];
  if (made === null || whole === null || whole === 0) return null;
  return change.direction === 'demotion' ? made / whole : 1 - made / whole;
}

export function changeOf(
  variation: Variation,
  measures: readonly TokenMeasure[],
  device: readonly TokenMeasure[],
): Change {
  const { direction, kind, name, what, knobs } = variation.change;
  const whole = meanKl(device.slice(0, measures.length));
  const effective = measures.filter(({ klNats }) => {
    if (klNats === null || whole === null) return false;
    return direction === 'demotion' ? klNats >= BREAKING_SHARE * whole : klNats <= (1 - HEALING_SHARE) * whole;
  }).length;
  return {
    direction,
    kind,
    name,
    what,
    knobs,
    past: variation.past,
    measure: measures[0]!,
    draws: measures.length,
    effective,
    share: shareOf(variation, measures, device),
  };
}

export interface Suspect {
  readonly one: Variation;
  readonly share: number;
}

/** A class and a knob of the same operations are one suspect: the knob stands for both if it does nearly as much, since it can be turned. */
export function standsFor(other: Suspect, one: Suspect): boolean {
  const [a, b] = [other.one.change, one.one.change];
  if (a.kind === b.kind || a.ops.join() !== b.ops.join()) return false;
  return a.kind === 'knob' ? other.share >= NEARLY * one.share : one.share < NEARLY * other.share;
}

/** Cures, promotions and demotions, the largest share first, of those that heal the highest PCC; one that was drawn once may be luck, and never stands above a proven one. */
export function ranked(changes: readonly Change[]): Change[] {
  const order: readonly Change['direction'][] = ['cure', 'promotion', 'demotion'];
  const worth = ({ share, draws }: Change): number => {
    if (share === null) return Number.NEGATIVE_INFINITY;
    return draws > 1 ? share : Math.min(share, DRAWN_SHARE);
  };
  // KL is next to nothing for whatever heals; how near the whole row comes tells the cause from a lucky draw.
  const isHealed = (one: Change): boolean => one.direction === 'promotion' && worth(one) >= HEALING_SHARE;
  const nearer = (a: Change, b: Change): number => (b.measure.pcc ?? -1) - (a.measure.pcc ?? -1);
  return [...changes].sort(
    (a, b) =>
      order.indexOf(a.direction) - order.indexOf(b.direction) ||
      (isHealed(a) && isHealed(b) ? nearer(a, b) : worth(b) - worth(a)) ||
      (b.share ?? 0) - (a.share ?? 0),
  );
}

function meanKl(measures: readonly TokenMeasure[]): number | null {
  const values = measures.map(({ klNats }) => klNats);
  if (values.includes(null)) return null;
  return values.reduce<number>((sum, value) => sum + value!, 0) / values.length;
}
