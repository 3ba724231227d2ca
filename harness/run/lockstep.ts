// Teacher forcing: feeds reference and device the same tokens, chunk by chunk, and hands out each pair of rows at once.

import type { FeedRequest, LogitsRow, LogitsSource, TapName } from '../../src/device/logits-source.ts';
import { ReferenceFaultError } from '../../src/errors.ts';
import { blame, requireContext, requireRowCount, requireSameVocabulary } from './sides.ts';

/**
 * Positions whose golden rows wait for the device: 256 rows of 152,064 float32 are 156 MB. Each side that streams its weights
 * reads them once a chunk, so a longer one saves time where that costs the most.
 */
export const CHUNK_POSITIONS = 256;

/** What is to be fed; the same for teacher forcing and free running. */
export interface SequenceRequest {
  /** Name of the prompt, for messages. */
  readonly prompt: string;
  /** [P] token ids, P >= 1. */
  readonly promptIds: Int32Array;
  /** Token ids forced after the prompt; without them the reference's greedy token is fed. */
  readonly continuationIds?: Int32Array;
  /** Most greedy tokens fed after the prompt; a forced continuation is fed whole. */
  readonly maxNewTokens: number;
  /** Most positions fed in all. */
  readonly maxSeqLen: number;
  /** A greedy token among these ends the continuation and is not fed. */
  readonly eosTokenIds: readonly number[];
  /** Taps delivered with each pair; both sides must know them. */
  readonly taps?: readonly TapName[];
  /** Most positions fed at once; CHUNK_POSITIONS if absent. */
  readonly chunkPositions?: number;
  readonly signal?: AbortSignal;
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

/**
 * Runs one prompt under teacher forcing.
 *
 * The reference goes first by at most one chunk, its rows are copied into one buffer [chunk, V]; the device is then fed the same
 * chunk and each of its rows is handed out with its golden row. Chunk borders depend on the request alone, so that a repeated
 * run makes the same numbers.
 *
 * @throws ComparisonInvalidError when the sides differ in vocabulary, token, position or number of rows.
 * @throws DeviceError, ReferenceFaultError around foreign errors of that side.
 */
export async function runLockstep(
  reference: LogitsSource,
  device: LogitsSource,
  request: SequenceRequest,
  onPair: PairSink,
): Promise<SequenceOutcome> {
  requireSameVocabulary(reference, device);
  await blame('reference', () => reference.truncate(0));
  await blame('device', () => device.truncate(0));
  const chunk = new GoldenChunk(request.chunkPositions ?? CHUNK_POSITIONS, reference.vocabSize);
  const fedIds: number[] = [];

  const compareChunk = async (nextTokenId: number | undefined): Promise<void> => {
    await deviceChunk(device, chunk, request, nextTokenId, onPair);
    chunk.clear();
  };

  const known = knownIds(request);
  while (fedIds.length < known.length) {
    request.signal?.throwIfAborted();
    const ids = known.subarray(fedIds.length, fedIds.length + chunk.capacity);
    await referenceRows(reference, ids, fedIds.length, chunk, request);
    fedIds.push(...ids);
    if (fedIds.length < known.length) await compareChunk(known[fedIds.length]);
  }

  // The last known chunk waits for its golden argmax, which is the token that follows it.
  let newTokens = known.length - request.promptIds.length;
  let next = nextToken(chunk, request, newTokens);
  await compareChunk(next.tokenId);

  while (next.tokenId !== undefined) {
    request.signal?.throwIfAborted();
    await referenceRows(reference, Int32Array.of(next.tokenId), fedIds.length, chunk, request);
    fedIds.push(next.tokenId);
    newTokens++;
    next = nextToken(chunk, request, newTokens);
    if (chunk.isFull || next.tokenId === undefined) await compareChunk(next.tokenId);
  }
  return { tokenIds: Int32Array.from(fedIds), newTokens, stopReason: next.stopReason ?? 'max-new-tokens' };
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
  promptIds,
  taps,
  signal,
}: Pick<SequenceRequest, 'promptIds' | 'taps' | 'signal'>): FeedRequest {
  return {
    rows: 'all',
    promptLength: promptIds.length,
    ...(taps === undefined ? {} : { taps }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** Tokens that need no choice: the prompt and a forced continuation, as far as the sequence may go. */
export function knownIds({
  promptIds,
  continuationIds,
  maxSeqLen,
}: Pick<SequenceRequest, 'promptIds' | 'continuationIds' | 'maxSeqLen'>): Int32Array {
  if (continuationIds === undefined) return promptIds;
  const ids = new Int32Array(Math.min(promptIds.length + continuationIds.length, maxSeqLen));
  ids.set(promptIds);
  ids.set(continuationIds.subarray(0, ids.length - promptIds.length), promptIds.length);
  return ids;
}

interface NextToken {
  readonly tokenId: number | undefined;
  readonly stopReason: StopReason | undefined;
}

function nextToken(chunk: GoldenChunk, request: SequenceRequest, newTokens: number): NextToken {
  const stop = (stopReason: StopReason): NextToken => ({ tokenId: undefined, stopReason });
  const forced = request.continuationIds?.length;
  if (forced !== undefined) return stop(newTokens >= forced ? 'continuation-end' : 'max-seq-len');
  if (newTokens >= request.maxNewTokens) return stop('max-new-tokens');
  if (request.promptIds.length + newTokens >= request.maxSeqLen) return stop('max-seq-len');
  const tokenId = argmax(chunk.last().logits);
  if (tokenId < 0) {
    throw new ReferenceFaultError(
      `prompt "${request.prompt}": the reference's logits hold no number to continue from.`,
      {
        code: 'GOLDEN_NOT_FINITE',
        facts: { position: chunk.last().position },
      },
    );
  }
  if (request.eosTokenIds.includes(tokenId)) return stop('eos');
  return { tokenId, stopReason: undefined };
}

async function referenceRows(
  reference: LogitsSource,
  ids: Int32Array,
  firstPosition: number,
  chunk: GoldenChunk,
  request: SequenceRequest,
): Promise<void> {
  const before = chunk.length;
  let since = performance.now();
  await blame('reference', () =>
    reference.feed(ids, feedRequest(request), (row) => {
      const i = chunk.length - before;
      requireContext('golden', row, firstPosition + i, ids[i], request.prompt);
      chunk.push(row, performance.now() - since);
      since = performance.now();
    }),
  );
  requireRowCount('golden', chunk.length - before, ids.length, request.prompt);
}

async function deviceChunk(
  device: LogitsSource,
  chunk: GoldenChunk,
  request: SequenceRequest,
  tokenAfterChunk: number | undefined,
  onPair: PairSink,
): Promise<void> {
  const ids = Int32Array.from(chunk.rows, (row) => row.tokenId);
  let i = 0;
  let since = performance.now();
  // What the sink throws is not the device's fault; it is kept aside and thrown as it was.
  let sinkError: { readonly error: unknown } | undefined;
  try {
    await blame('device', () =>
      device.feed(ids, feedRequest(request), async (actual) => {
        const actualMs = performance.now() - since;
        const golden = chunk.rows[i];
        if (golden === undefined) requireRowCount('actual', i + 1, ids.length, request.prompt);
        requireContext('actual', actual, golden!.position, golden!.tokenId, request.prompt);
        const { position, tokenId } = golden!;
        const nextTokenId = chunk.rows[i + 1]?.tokenId ?? tokenAfterChunk;
        const ms = { golden: chunk.milliseconds[i]!, actual: actualMs };
        i++;
        request.signal?.throwIfAborted();
        try {
          await onPair({
            position,
            step: decodeStep(position, request),
            tokenId,
            nextTokenId,
            golden: golden!,
            actual,
            ms,
          });
          since = performance.now();
        } catch (error) {
          sinkError = { error };
          throw error;
        }
      }),
    );
  } catch (error) {
    throw sinkError === undefined ? error : sinkError.error;
  }
  requireRowCount('actual', i, ids.length, request.prompt);
}

/** Golden rows of the positions that the device has not seen yet; one buffer [capacity, V], reused. */
class GoldenChunk {
  readonly capacity: number;
  readonly rows: LogitsRow[] = [];
  readonly milliseconds: number[] = [];
  private readonly buffer: Float32Array;
  private readonly vocabSize: number;

  constructor(capacity: number, vocabSize: number) {
    this.capacity = capacity;
    this.vocabSize = vocabSize;
    this.buffer = new Float32Array(capacity * vocabSize);
  }

  get length(): number {
    return this.rows.length;
  }

  get isFull(): boolean {
    return this.rows.length === this.capacity;
  }

  push(row: LogitsRow, milliseconds: number): void {
    const start = this.rows.length * this.vocabSize;
    const logits = this.buffer.subarray(start, start + this.vocabSize);
    logits.set(row.logits);
    const taps = new Map([...row.taps].map(([name, values]) => [name, values.slice()] as const));
    this.rows.push({ position: row.position, tokenId: row.tokenId, logits, taps });
    this.milliseconds.push(milliseconds);
  }

  last(): LogitsRow {
    return this.rows[this.rows.length - 1]!;
  }

  clear(): void {
    this.rows.length = 0;
    this.milliseconds.length = 0;
  }
}
