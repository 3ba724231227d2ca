// A running hash over the (position, token) pairs that a side consumed: equal hashes mean equal contexts.
import { createHash } from 'node:crypto';

/** Hash before any token. */
export const EMPTY_CONTEXT = '';

/**
 * @param previous - hash of the context before this token.
 * @returns 16 hex digits of sha256 over the previous hash, the position and the token.
 */
export function extendContextHash(previous: string, position: number, tokenId: number): string {
  return createHash('sha256').update(`${previous};${position};${tokenId}`).digest('hex').slice(0, 16);
}
