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

/** A context with its hash. It knows the one that it was last extended to: sequences of the same tokens that begin with one object hash each context once. */
export class HashedContext {
  readonly hash: string;
  #next: { readonly position: number; readonly tokenId: number; readonly context: HashedContext } | undefined;

  constructor(hash: string = EMPTY_CONTEXT) {
    this.hash = hash;
  }

  extend(position: number, tokenId: number): HashedContext {
    if (this.#next?.position !== position || this.#next.tokenId !== tokenId) {
      this.#next = { position, tokenId, context: new HashedContext(extendContextHash(this.hash, position, tokenId)) };
    }
    return this.#next.context;
  }
}

/** The contexts of both sides of one sequence, token by token. */
export class ContextChain {
  #golden: HashedContext;
  #actual: HashedContext;

  /** @param start - before any token; the same one for sequences that are expected to be fed the same. */
  constructor(start: HashedContext = new HashedContext()) {
    this.#golden = start;
    this.#actual = start;
  }

  get hashes(): Pair<string> {
    return { golden: this.#golden.hash, actual: this.#actual.hash };
  }

  extend(position: Pair<number>, token: Pair<number>): void {
    this.#golden = this.#golden.extend(position.golden, token.golden);
    this.#actual = this.#actual.extend(position.actual, token.actual);
  }

  /** A token that was fed to both, but has no row to judge. */
  extendUnjudged(position: number, tokenId: number): void {
    this.#golden = this.#golden.extend(position, tokenId);
    this.#actual = this.#actual.extend(position, tokenId);
  }
}
