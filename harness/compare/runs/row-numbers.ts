// What a comparison of runs looks at of one token record: verdict, numbers, context, and a digest of all that is stored of the row.
import { createHash } from 'node:crypto';
import type { RowChoice } from '../../record/row-metrics.ts';
import type { TokenRecord } from '../../record/token-record.ts';
import type { SideNumbers } from './run-diff.ts';

export interface RowNumbers extends SideNumbers {
  readonly position: number;
  /** Token that the reference consumed. */
  readonly tokenId: number;
  /** Hash of all that the reference consumed so far, 16 hex digits. */
  readonly contextHash: string;
  /** Whether the device chose the reference's token; null without a choice. */
  readonly isTop1: boolean | null;
  /** 8 bytes of sha256 over the row's stored numbers; equal digests: equal numbers. */
  readonly digest: bigint;
}

/** @param line - the record's line in its log. */
export function rowNumbersOf(record: TokenRecord, line: string): RowNumbers {
  const { position, inputToken, contextHash, status, failedRules, pcc, distribution, choice } = record;
  return {
    position,
    tokenId: inputToken.golden,
    contextHash: contextHash.golden,
    status,
    failedRules,
    pcc,
    klNats: distribution?.klNats ?? null,
    regretNats: regretOf(choice),
    isTop1: choice === null ? null : choice.top1.golden === choice.top1.actual,
    digest: digestOf(`${pcc}${storedNumbers(line)}`),
  };
}

/** The golden log-probability that the device's choice gives up, nats; null without a choice. */
export function regretOf(choice: RowChoice | null): number | null {
  if (choice === null) return null;
  const goldenLogit = (id: number): number | undefined => choice.top.find((token) => token.id === id)?.logit.golden;
  const best = goldenLogit(choice.top1.golden);
  const chosen = goldenLogit(choice.top1.actual);
  return best === undefined || chosen === undefined ? null : best - chosen;
}

/** No name or text of a line holds a bare quote, so these find fields only. */
const ROW = ',"hygiene":';
const AFTER_ROW = [',"controls":', ',"evidence":', ',"timing":'];

/** Hygiene, moments, distribution and choice of the row, as they stand; neither its key and verdict nor what other rows gave. */
function storedNumbers(line: string): string {
  const from = line.indexOf(ROW);
  // Somebody else's layout: such a line is the same as its exact copy only.
  if (from < 0) return line;
  const to = AFTER_ROW.map((field) => line.lastIndexOf(field)).filter((at) => at > from);
  return line.slice(from, Math.min(...to));
}

function digestOf(text: string): bigint {
  return createHash('sha256').update(text).digest().readBigUInt64LE();
}
