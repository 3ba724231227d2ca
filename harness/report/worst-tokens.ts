// What a token's row in a report says: PCC, KL, the reason, and whether it is another position's row.
import type { TokenRecord } from '../record/token-record.ts';
import { formatPcc, formatSmall } from './format.ts';

/** PCC, KL, and the record's own reason. */
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
