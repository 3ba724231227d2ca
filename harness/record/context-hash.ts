// A running hash over the (position, token) pairs that each side consumed: equal hashes mean equal contexts.
import { hash } from 'node:crypto';
import type { Pair } from './row-metrics.ts';

/** Hash before any token. */
export const EMPTY_CONTEXT = '';

/**
 * @param previous - hash of the context before this token.
 * @returns 16 hex digits of sha256 over the previous hash, the position and the token.
 */
export function extendContextHash(previous: string, position: number, tokenId: number): string {
  return hash('sha256', `${previous};${position};${tokenId}`, 'hex').slice(0, 16);
}

/** The contexts of both sides of one sequence, token by token. */
export class ContextChain {
  #golden = EMPTY_CONTEXT;
  #actual = EMPTY_CONTEXT;

  get hashes(): Pair<string> {
    return { golden: this.#golden, actual: this.#actual };
  }

  extend(position: Pair<number>, token: Pair<number>): void {
    const isSame =
      this.#golden === this.#actual && position.golden === position.actual && token.golden === token.actual;
    this.#golden = extendContextHash(this.#golden, position.golden, token.golden);
    this.#actual = isSame ? this.#golden : extendContextHash(this.#actual, position.actual, token.actual);
  }

  /** A token that was fed to both, but has no row to judge. */
  extendUnjudged(position: number, tokenId: number): void {
    this.extend({ golden: position, actual: position }, { golden: tokenId, actual: tokenId });
  }
}
