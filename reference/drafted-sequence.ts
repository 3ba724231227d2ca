// A sequence as the reference holds it: tokens that were fed, their keys and values, and rows of tokens that were guessed to be fed next.
// Exactness: a guess decides when a row is made, never what it is; a wrong one is forgotten.
import type { ModelConfig } from '../src/checkpoint/config.ts';
import { KvCache } from './kv-cache.ts';
import { lookUpNext } from './prompt-lookup.ts';

/** Guessed tokens of one pass, after a wrong guess and at most. Each costs its attention, a wrong one for nothing. */
const DRAFTS_FIRST = 3;
const DRAFTS_MAX = 15;
/** Positions of a sequence from which on a guess's attention costs too much for what it may save. */
const POSITIONS_WITH_DRAFTS = 8192;

interface Draft {
  readonly tokenId: number;
  /** [V]. */
  readonly logits: Float32Array;
}

export class DraftedSequence {
  /** Of the fed positions, and of guessed ones after them. */
  readonly cache: KvCache;
  #tokenIds: number[] = [];
  #drafts: Draft[] = [];
  #most = DRAFTS_FIRST;

  constructor(config: ModelConfig) {
    this.cache = new KvCache(config);
  }

  /** Positions that were fed. */
  get length(): number {
    return this.#tokenIds.length;
  }

  /** Takes tokens over that a pass has appended to the cache. */
  append(tokenIds: Iterable<number>): void {
    this.#tokenIds.push(...tokenIds);
  }

  /** Tokens that may follow if `tokenId` is fed next, at most `most`: more the longer guesses have been right. */
  guess(tokenId: number, most: number): number[] {
    if (this.length > POSITIONS_WITH_DRAFTS) return [];
    return lookUpNext([...this.#tokenIds, tokenId], Math.min(most, this.#most));
  }

  /** The row of a guessed token, after those before it. */
  addDraft(draft: Draft): void {
    this.#drafts.push(draft);
  }

  /** Appends the token that is fed now if it was guessed. @returns its row [V]; undefined if it is to be made. */
  takeDraft(tokenId: number): Float32Array | undefined {
    const draft = this.#drafts.shift();
    if (draft === undefined) return undefined;
    if (draft.tokenId !== tokenId) {
      this.#most = DRAFTS_FIRST;
      return undefined;
    }
    this.#tokenIds.push(tokenId);
    if (this.#drafts.length === 0) this.#most = Math.min(2 * this.#most + 1, DRAFTS_MAX);
    return draft.logits;
  }

  /** Forgets what was guessed. */
  dropDrafts(): void {
    this.#drafts = [];
    if (this.cache.length > this.length) this.cache.truncate(this.length);
  }

  /** Forgets positions >= `length`; to forget all is right after a pass that failed, too. */
  truncate(length: number): void {
    this.#drafts = [];
    if (length < this.length) this.#tokenIds.length = length;
    this.cache.truncate(Math.min(length, this.length));
  }
}
