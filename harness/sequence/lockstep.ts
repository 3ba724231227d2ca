// Teacher forcing: feeds reference and device the same tokens, chunk by chunk, and hands out each pair of rows at once.
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { ReferenceFaultError } from '../../src/errors.ts';
import { GoldenChunk } from './golden-chunk.ts';
import {
  argmax,
  CHUNK_POSITIONS,
  decodeStep,
  feedRequest,
  knownIds,
  type PairSink,
  type SequenceOutcome,
  type SequenceRequest,
  type StopReason,
} from './sequence.ts';
import { blame, requireContext, requireRowCount, requireSameVocabulary } from './sides.ts';

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
  request.onStage?.({ side: 'reference', firstPosition, lastPosition: firstPosition + ids.length - 1 });
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
  const stage = {
    side: 'device',
    firstPosition: chunk.rows[0]!.position,
    lastPosition: chunk.last().position,
  } as const;
  const { onStage } = request;
  onStage?.(stage);
  const want =
    onStage === undefined
      ? feedRequest(request)
      : {
          ...feedRequest(request),
          onLayer: (done: number, total: number): void => onStage({ ...stage, layers: { done, total } }),
        };
  let i = 0;
  let since = performance.now();
  // What the sink throws is not the device's fault; it is kept aside and thrown as it was.
  let sinkError: { readonly error: unknown } | undefined;
  try {
    await blame('device', () =>
      device.feed(ids, want, async (actual) => {
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
