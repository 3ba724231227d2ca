// What a token's row in a report says: PCC, KL, and the reason.
import type { TokenRecord } from '../record/token-record.ts';
import { formatPcc, formatSmall } from './format.ts';

/** PCC, KL, and the record's own reason. */
export function describeToken(record: TokenRecord): string {
  const parts = [`PCC ${formatPcc(record.pcc)}`];
  if (record.distribution !== null) parts.push(`KL ${formatSmall(record.distribution.klNats)} nat`);
  if (record.reason !== null) parts.push(record.reason);
  return parts.join('; ');
}
