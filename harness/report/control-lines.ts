// The negative controls in a sentence each: what PCC wrong rows reach beside the run's minimum.
import type { RunRecord } from '../record/run-record.ts';
import type { ControlSpread } from '../record/summary.ts';
import { formatShare } from './format.ts';

/** @returns one line, or none for a run without controls; whether the minimum means anything stands in the headline. */
export function controlLines({ controls, config }: Pick<RunRecord, 'controls' | 'config'>): string[] {
  const kinds = [
    ['of the position before', controls.previous],
    ['of the position after', controls.next],
    ['of the first position', controls.unrelated],
  ] as const;
  const shown = kinds.flatMap(([name, spread]) => (spread === null ? [] : [`${name} ${describe(spread, config)}`]));
  return shown.length === 0 ? [] : [`controls: PCC with golden's row ${shown.join(' · ')}`];
}

function describe({ p50, p99, max, reachMinimum }: ControlSpread, { pccMinimum }: RunRecord['config']): string {
  const numbers = `median ${p50.toFixed(3)}, 99 % ${p99.toFixed(3)}, highest ${max.toFixed(3)}`;
  return `${numbers}, ${formatShare(reachMinimum)} reach ${pccMinimum}`;
}
