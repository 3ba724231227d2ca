// What a feed has of a pass: its tokens, those that are guessed to be fed next, and which of their rows are wanted.
import type { FeedRequest, RowSink } from '../src/device/logits-source.ts';
import type { DraftedSequence } from './drafted-sequence.ts';
import type { SequencePart } from './joint-pass.ts';
import type { PositionRow } from './kv-cache.ts';
import type { Guesses } from './prompt-lookup.ts';

/** Tokens that wait to be appended to a sequence, and who wants their rows. */
export interface Feed {
  readonly tokenIds: Int32Array;
  readonly sequence: DraftedSequence;
  readonly want: FeedRequest;
  readonly onRow: RowSink;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
  /** Tokens of it that were run. */
  start: number;
}

/** A token that may be fed next, computed along. */
export interface DraftedToken {
  readonly tokenId: number;
  readonly position: number;
  /** By layer, of one whose place another takes; filled by the pass. */
  readonly kept?: PositionRow[];
}

/** A feed's share of a pass. */
export interface Share {
  readonly feed: Feed;
  readonly tokenIds: Int32Array;
  readonly drafts: readonly DraftedToken[];
  /** Position and row, in all rows of the pass, of its first token. */
  readonly firstPosition: number;
  readonly firstRow: number;
}

/** Whether a feed asks for rows, and for nothing that a draft does not keep. */
export function hasBareRows({ rows, taps = [] }: FeedRequest): boolean {
  return rows !== 'none' && taps.length === 0;
}

/** Those that stand in one place come first, so that the chain's is there when the next of the chain looks at it. @param position - of the first. */
export function draftsOf({ chain, others }: Guesses, position: number): DraftedToken[] {
  return [
    ...others.map((tokenId) => ({ tokenId, position, kept: [] })),
    ...chain.map((tokenId, i) => ({ tokenId, position: position + i })),
  ];
}

/** Drafts go through attention a position at a time, as tokens do that are fed one by one. */
export function partsOf({ feed: { sequence }, tokenIds, firstPosition, drafts }: Share): SequencePart[] {
  const { cache } = sequence;
  const guessed = drafts.map(({ tokenId, position, ...kept }) => ({
    cache,
    tokenIds: Int32Array.of(tokenId),
    firstPosition: position,
    ...kept,
  }));
  return [{ cache, tokenIds, firstPosition }, ...guessed];
}

/** Of a share whose feed has been counted on: the rows in it that are asked for, and those of drafts, rising. */
export function wantedRows({ feed: { want, start, tokenIds: all }, tokenIds, drafts }: Share): readonly number[] {
  const asked =
    want.rows === 'all'
      ? Array.from(tokenIds, (_, row) => row)
      : want.rows === 'last' && start === all.length
        ? [tokenIds.length - 1]
        : [];
  return [...asked, ...drafts.map((_, i) => tokenIds.length + i)];
}
