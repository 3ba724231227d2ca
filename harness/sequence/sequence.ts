// A token sequence as both sides are fed it: what is asked, what is handed out, which tokens need no choice.
import type { FeedRequest, LogitsRow, TapName } from '../../src/device/logits-source.ts';
import { InternalError } from '../../src/errors.ts';
import type { Stage } from '../record/stage.ts';

/**
 * Positions whose golden rows wait for the device: 256 rows of 152,064 float32 are 156 MB. Each side that streams its weights
 * reads them once a chunk, so a longer one saves time where that costs the most.
 */
export const CHUNK_POSITIONS = 256;

/** What is to be fed; the same for teacher forcing and free running. */
export interface SequenceRequest {
  /** Name of the prompt; recordings find their rows by it. */
  readonly prompt: string;
  /** Row of a batch; 0 if absent. */
  readonly user?: number;
  /** [P] token ids, P >= 1. */
  readonly promptIds: Int32Array;
  /** Token ids forced after the prompt; without them the reference's greedy token is fed. */
  readonly continuationIds?: Int32Array;
  /** Most greedy tokens fed after the prompt; a forced continuation is fed whole. */
  readonly maxNewTokens: number;
  /** Most positions fed in all; prompt and continuation are no longer than it. */
  readonly maxSeqLen: number;
  /** Positions whose rows are handed out, rising; all if absent. */
  readonly positions?: Int32Array;
  /** A greedy token among these ends the continuation and is not fed. */
  readonly eosTokenIds: readonly number[];
  /** Taps delivered with each pair; both sides must know them. */
  readonly taps?: readonly TapName[];
  /** Most positions fed at once; CHUNK_POSITIONS if absent. */
  readonly chunkPositions?: number;
  readonly signal?: AbortSignal;
  /** Told when a side begins a chunk, and by a device that knows them after each of its layers. */
  readonly onStage?: (stage: Stage) => void;
}

/** Golden and actual logits of one position, same context on both sides; valid until the sink's promise settles. */
export interface RowPair {
  /** Position in the whole sequence, 0-based. */
  readonly position: number;
  /** Decode step, 0-based; null in prefill. */
  readonly step: number | null;
  /** Token consumed at this position by both sides. */
  readonly tokenId: number;
  /** Token that the text has at the next position, if it is known already. */
  readonly nextTokenId: number | undefined;
  /** An object of its own for each row, the same wherever that row is compared. */
  readonly golden: LogitsRow;
  readonly actual: LogitsRow;
  /** Milliseconds from the row before (or the feed's start) to this row, per side; the first row of a prefill has most of it. */
  readonly ms: { readonly golden: number; readonly actual: number };
}

export type PairSink = (pair: RowPair) => void | Promise<void>;

export type StopReason = 'eos' | 'max-new-tokens' | 'max-seq-len' | 'continuation-end';

export interface SequenceOutcome {
  /** Every token fed, prompt first. */
  readonly tokenIds: Int32Array;
  /** Tokens fed after the prompt. */
  readonly newTokens: number;
  readonly stopReason: StopReason;
}

/** Index of the largest value, the lowest index among equals; NaN is never the largest. -1 for a row without numbers. */
export function argmax(row: Float32Array): number {
  let best = -1;
  let bestValue = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) {
    if (row[i]! > bestValue) {
      bestValue = row[i]!;
      best = i;
    }
  }
  return best;
}

/** 0-based count of positions after the prompt; null in the prompt. */
export function decodeStep(position: number, request: SequenceRequest): number | null {
  return position < request.promptIds.length ? null : position - request.promptIds.length;
}

/** What every feed of a sequence asks for. */
export function feedRequest({
  prompt,
  user,
  promptIds,
  taps,
  signal,
}: Pick<SequenceRequest, 'prompt' | 'user' | 'promptIds' | 'taps' | 'signal'>): FeedRequest {
  return {
    rows: 'all',
    promptLength: promptIds.length,
    prompt,
    user: user ?? 0,
    ...(taps === undefined ? {} : { taps }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/**
 * Tokens that need no choice: the prompt and a forced continuation, whole.
 *
 * @throws InternalError if they are longer than the sequence may be: plans are checked for that before anything runs.
 */
export function knownIds({
  prompt,
  promptIds,
  continuationIds,
  maxSeqLen,
}: Pick<SequenceRequest, 'prompt' | 'promptIds' | 'continuationIds' | 'maxSeqLen'>): Int32Array {
  const length = promptIds.length + (continuationIds?.length ?? 0);
  if (length > maxSeqLen) {
    throw new InternalError(`prompt "${prompt}" was planned with more tokens than a sequence may have.`, {
      code: 'PLAN_TOO_LONG',
      facts: { found: `${length} tokens`, wanted: `at most ${maxSeqLen}` },
    });
  }
  if (continuationIds === undefined) return promptIds;
  const ids = new Int32Array(length);
  ids.set(promptIds);
  ids.set(continuationIds, promptIds.length);
  return ids;
}

/** Most positions that are fed; fewer when the text ends early. */
export function longestLength({
  promptIds,
  continuationIds,
  maxNewTokens,
  maxSeqLen,
}: Pick<SequenceRequest, 'promptIds' | 'continuationIds' | 'maxNewTokens' | 'maxSeqLen'>): number {
  const newTokens = continuationIds?.length ?? maxNewTokens;
  return Math.max(promptIds.length, Math.min(promptIds.length + newTokens, maxSeqLen));
}
