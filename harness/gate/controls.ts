// Negative controls: what PCC the device's rows reach with rows that they should not fit, and which minimum would tell them apart.
import { shareFrom, spreadControl } from '../metrics/aggregate.ts';
import { type SortedSample, sortSample } from '../metrics/quantile.ts';
import type { ControlSummary, TellingThreshold } from '../record/summary.ts';

/** PCCs of many tokens, each kind sorted; those that do not exist are left out. */
export interface ControlSamples {
  /** With golden's row of the same position. */
  readonly own: SortedSample;
  readonly previous: SortedSample;
  readonly next: SortedSample;
  readonly unrelated: SortedSample;
}

/** More wrong rows than this must not reach a minimum that is to mean something. */
const WRONG_SHARE = 0.01;
/** What a person would write for --threshold. */
const GRID: readonly number[] = [...Array.from({ length: 100 }, (_, i) => i / 100), 0.995, 0.999, 0.9995, 0.9999];

export function summarizeControls(samples: ControlSamples, pccMinimum: number): ControlSummary {
  const { previous, next, unrelated } = samples;
  return {
    previous: spreadControl(previous, pccMinimum),
    next: spreadControl(next, pccMinimum),
    unrelated: spreadControl(unrelated, pccMinimum),
    telling: isReachedByWrong(samples, pccMinimum) ? findTelling(samples, pccMinimum) : null,
  };
}

function findTelling(samples: ControlSamples, pccMinimum: number): TellingThreshold {
  const threshold = GRID.find((value) => value > pccMinimum && !isReachedByWrong(samples, value));
  if (threshold === undefined) return { threshold: null, ownBelow: null };
  const ownReach = shareFrom(samples.own, threshold);
  return { threshold, ownBelow: ownReach === null ? null : 1 - ownReach };
}

function isReachedByWrong({ previous, next, unrelated }: ControlSamples, threshold: number): boolean {
  const neighbours = sortSample(Float64Array.from([...previous, ...next]));
  return [neighbours, unrelated].some((sample) => (shareFrom(sample, threshold) ?? 0) >= WRONG_SHARE);
}

/** How many rows one position off, of both directions, reach the minimum; null if there are none. */
export function neighbourShare({ previous, next }: Pick<ControlSummary, 'previous' | 'next'>): number | null {
  const n = (previous?.n ?? 0) + (next?.n ?? 0);
  if (n === 0) return null;
  return ((previous?.n ?? 0) * (previous?.reachMinimum ?? 0) + (next?.n ?? 0) * (next?.reachMinimum ?? 0)) / n;
}

/** That the PCC minimum means little on this text, and which would mean something; null if it does mean something. */
export function describeTelling(controls: ControlSummary, pccMinimum: number): string | null {
  const { telling, unrelated } = controls;
  if (telling === null) return null;
  const neighbours = neighbourShare(controls) ?? 0;
  const kinds = [
    ...(neighbours > 0 ? [`${percent(neighbours)} of rows one position off`] : []),
    ...(unrelated !== null && unrelated.reachMinimum > 0
      ? [`${percent(unrelated.reachMinimum)} of unrelated rows`]
      : []),
  ];
  const reached = `${kinds.join(' and ')} also reach PCC ${pccMinimum}, which alone means little here`;
  if (telling.threshold === null) return `${reached}, and no higher minimum would tell them from the right ones`;
  const own = telling.ownBelow ?? 0;
  const cost = own === 0 ? 'all right rows reach it' : `${percent(own)} of the right rows do not reach it`;
  return `${reached}; ${telling.threshold} would keep them below 1 % (${cost})`;
}

/** Whole per cents from ten on, one decimal below; never 0 for something. */
function percent(share: number): string {
  const value = 100 * share;
  if (value >= 10 || value === 0) return `${value.toFixed(0)} %`;
  return value < 0.1 ? 'less than 0.1 %' : `${value.toFixed(1)} %`;
}
