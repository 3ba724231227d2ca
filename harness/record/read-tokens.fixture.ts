// All token records of a run folder, for tests that look at rows.
import { readLog } from './read-log.ts';
import type { TokenRecord } from './token-record.ts';

export function readTokens(folder: string): TokenRecord[] {
  return [...readLog(folder)].flatMap(({ event }) => {
    if (event.event !== 'token') return [];
    const { event: _event, ...record } = event;
    return [record];
  });
}

/** Records without what differs between two runs of one spec. */
export function readTokensWithoutTiming(folder: string): unknown[] {
  return readTokens(folder).map((record) => ({ ...record, timing: null }));
}
