// Picks the tokens that a reader should look at first and says in one sentence why.
import type { TokenRecord } from '../record/token-record.ts';
import { formatPcc, formatSmall } from './format.ts';

/** Whether a token counts as good in a report: a plain pass, or a flip that rounding explains. */
export function isPassing(record: TokenRecord): boolean {
  return record.status === 'pass' || record.status === 'passNearTie';
}

/**
 * Worst first: tokens that broke a rule, then real flips, then by PCC (none is lowest), then by KL.
 *
 * Equal tokens keep their order in the run, so the list is the same for the same records.
 */
export function worstTokens(records: readonly TokenRecord[], limit: number): readonly TokenRecord[] {
  return records
    .map((record, index) => ({ record, index, key: severity(record) }))
    .sort((a, b) => compareKeys(a.key, b.key) || a.index - b.index)
    .slice(0, limit)
    .map(({ record }) => record);
}

/** What a token's row shows: PCC, KL, and the record's own reason. */
export function describeToken(record: TokenRecord): string {
  const parts = [`PCC ${formatPcc(record.pcc)}`];
  if (record.distribution !== null) parts.push(`KL ${formatSmall(record.distribution.klNats)} nat`);
  if (record.reason !== null) parts.push(record.reason);
  const misfit = describeMisfit(record);
  if (misfit !== undefined) parts.push(misfit);
  return parts.join('; ');
}

/** A row that fits the golden row before better than its own is a harness fault (stale row, position off by one), no arithmetic. */
export function describeMisfit({ pcc, controls }: TokenRecord): string | undefined {
  const { pccPreviousGolden } = controls;
  if (pcc === null || pccPreviousGolden === null || pccPreviousGolden <= pcc) return undefined;
  return `it fits golden's row of the position before (PCC ${formatPcc(pccPreviousGolden)}) better than its own`;
}

type Key = readonly [failing: number, realFlip: number, pcc: number, kl: number];

function severity(record: TokenRecord): Key {
  return [
    isPassing(record) ? 1 : 0,
    record.choice?.flip === 'real' ? 0 : 1,
    record.pcc ?? Number.NEGATIVE_INFINITY,
    -(record.distribution?.klNats ?? 0),
  ];
}

function compareKeys(a: Key, b: Key): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i]! < b[i]!) return -1;
    if (a[i]! > b[i]!) return 1;
  }
  return 0;
}
