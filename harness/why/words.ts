// Numbers of an attribution as its words say them.
import type { TokenMeasure, WhyRecord } from '../record/why-record.ts';

/** What the words follow from. */
export type Evidence = Omit<WhyRecord, 'schemaVersion' | 'tool' | 'command' | 'words'>;

/** A KL below it is no loss that a reader of the token would notice, nats. */
export const NO_LOSS = 1e-3;

export function lossOf({ pcc, klNats }: TokenMeasure): string {
  return `PCC ${pcc === null ? 'none' : pcc.toFixed(4)}, KL ${nats(klNats)}`;
}

export function nats(value: number | null): string {
  if (value === null) return 'none';
  return `${value !== 0 && value < 1e-3 ? value.toExponential(1) : Number(value.toPrecision(3))} nat`;
}

export function percent(share: number): string {
  const value = share * 100;
  if (!Number.isFinite(value)) return 'any amount';
  return `${Math.abs(value) >= 10 ? Math.round(value) : Number(value.toPrecision(2))} %`;
}

export function times(ratio: number): string {
  return Number.isFinite(ratio) ? `${Number(ratio.toPrecision(2))} times` : 'any number of times';
}
