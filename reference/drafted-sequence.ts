// A sequence as the reference holds it: tokens that were fed, their keys and values, and rows of tokens that were guessed to be fed next.
// Exactness: a guess decides when a row is made, never what it is; a wrong one is forgotten.
import type { ModelConfig } from '../src/checkpoint/config.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import { float32Bytes, type WeightMemory } from './graph/checkpoint-weights.ts';
import { KvCache, type PositionRow } from './kv-cache.ts';
import { type Guesses, lookUpNext } from './prompt-lookup.ts';

/** Most guesses of one pass. */
const GUESSES_MAX = 15;
/** Where a guess takes a tenth of a pass. */
const GUESSES_FEW = 2;
/** Bytes of a model's weights as float32 from which on what a guess takes in a block of sixteen, attention and logits, is little beside a pass. */
const BYTES_WITH_MANY_GUESSES = 4e9;
/** Of a pass's guesses, those that follow one another; all of them, after such ones were right to the last. */
const CHAIN_SHARE = 0.4;
/** Positions that all guesses of a pass may look at together: their attention takes that of so many, a twentieth of a pass or less. */
const POSITIONS_OF_GUESSES = 8192;

/** Guesses of a pass: a row more of packed weights takes a tenth of it, of others nothing but attention and logits. */
export function guessesOf(checkpoint: Checkpoint, weights: WeightMemory): number {
  return weights !== 'resident' && float32Bytes(checkpoint) >= BYTES_WITH_MANY_GUESSES ? GUESSES_MAX : GUESSES_FEW;
}

export interface Draft {
  readonly tokenId: number;
  /** [V]. */
  readonly logits: Float32Array;
  /** By layer, of one that is not in the cache, since another stands in its place. */
  readonly kept?: readonly PositionRow[] | undefined;
}

export class DraftedSequence {
  /** Of the fed positions, and of guessed ones after them that it does not count. */
  readonly cache: KvCache;
  readonly #guesses: number;
  #tokenIds: number[] = [];
  /** Rows of tokens that follow one another, and of such as may come in place of the first. */
  #chain: Draft[] = [];
  #others: Draft[] = [];
  #isRepeating = false;

  /** @param guesses - of a pass, unless the text repeats itself. */
  constructor(config: ModelConfig, guesses: number) {
    this.cache = new KvCache(config);
    this.#guesses = guesses;
  }

  /** Positions that were fed. */
  get length(): number {
    return this.#tokenIds.length;
  }

  /** Takes tokens over whose keys and values a pass has written. */
  append(tokenIds: ArrayLike<number> & Iterable<number>): void {
    this.#tokenIds.push(...tokenIds);
    this.cache.grow(tokenIds.length);
  }

  /** Tokens that may follow if `tokenId` is fed next, at most `most`. */
  guess(tokenId: number, most: number): Guesses {
    const affordable = Math.floor(POSITIONS_OF_GUESSES / (this.length + 1));
    const count = Math.min(most, affordable, this.#isRepeating ? GUESSES_MAX : this.#guesses);
    if (count <= 0) return { chain: [], others: [] };
    const chainLength = this.#isRepeating ? count : Math.ceil(count * CHAIN_SHARE);
    return lookUpNext([...this.#tokenIds, tokenId], chainLength, count);
  }

  /** The row of a guessed token, after those before it. */
  addDraft(draft: Draft): void {
    (draft.kept === undefined ? this.#chain : this.#others).push(draft);
  }

  /** Appends the token that is fed now if it was guessed. @returns its row [V]; undefined if it is to be made. */
  takeDraft(tokenId: number): Float32Array | undefined {
    if (this.#chain.length + this.#others.length === 0) return undefined;
    const [next] = this.#chain;
    if (next?.tokenId === tokenId) {
      this.#chain.shift();
      this.#others = [];
      this.#isRepeating = this.#chain.length === 0;
      this.append([tokenId]);
      return next.logits;
    }
    const other = this.#others.find((draft) => draft.tokenId === tokenId);
    this.dropDrafts();
    this.#isRepeating = false;
    if (other === undefined) return undefined;
    for (const [layer, row] of other.kept!.entries()) this.cache.write(layer, this.length, row);
    this.append([tokenId]);
    return other.logits;
  }

  /** Forgets what was guessed. */
  dropDrafts(): void {
    this.#chain = [];
    this.#others = [];
  }

  /** Forgets positions >= `length`; to forget all is right after a pass that failed, too. */
  truncate(length: number): void {
    this.dropDrafts();
    if (length < this.length) this.#tokenIds.length = length;
    this.cache.truncate(Math.min(length, this.length));
  }
}
