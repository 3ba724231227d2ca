// Free running: each side continues with its own argmax; rows are compared only while both have the same context.
import type { LogitsRow, LogitsSource } from '../../src/device/logits-source.ts';
import {
  argmax,
  CHUNK_POSITIONS,
  decodeStep,
  feedRequest,
  type PairSink,
  type SequenceOutcome,
  type SequenceRequest,
  type StopReason,
} from './sequence.ts';
import { blame, requireContext, requireRows } from './sides.ts';

export interface FreeOutcome extends SequenceOutcome {
  /** First position whose token differs between the two texts; undefined if they never part. */
  readonly divergencePosition: number | undefined;
  /** Every token that the device was fed, prompt first; `tokenIds` are the reference's. */
  readonly actualTokenIds: Int32Array;
}

/**
 * Runs one prompt free: both prefill the same prompt, then each feeds itself.
 *
 * The pair at which the choices part is still handed out, since its context is the same on both sides; later positions are not.
 * Each side goes on to its own end, so that both texts can be shown.
 *
 * @throws ComparisonInvalidError, DeviceError, ReferenceFaultError as runLockstep does.
 */
export async function runFree(
  reference: LogitsSource,
  device: LogitsSource,
  request: SequenceRequest,
  onPair: PairSink,
): Promise<FreeOutcome> {
  await blame('reference', () => reference.truncate(0));
  await blame('device', () => device.truncate(0));
  const { promptIds } = request;
  const chunkPositions = request.chunkPositions ?? CHUNK_POSITIONS;
  const hand = async (golden: TimedRow, actual: TimedRow, nextTokenId: number | undefined): Promise<void> => {
    await onPair({
      position: golden.row.position,
      step: decodeStep(golden.row.position, request),
      tokenId: golden.row.tokenId,
      nextTokenId,
      golden: golden.row,
      actual: actual.row,
      ms: { golden: golden.ms, actual: actual.ms },
    });
  };

  let goldenNext: Choice = { tokenId: undefined, stopReason: undefined };
  let actualNext: Choice = goldenNext;
  for (let from = 0; from < promptIds.length; ) {
    request.signal?.throwIfAborted();
    const ids = promptIds.subarray(from, from + chunkPositions);
    const goldenRows = await rowsOf(reference, 'golden', ids, from, request);
    const actualRows = await rowsOf(device, 'actual', ids, from, request);
    if (from + ids.length === promptIds.length) {
      goldenNext = choose(goldenRows.at(-1)!, request, 0);
      actualNext = choose(actualRows.at(-1)!, request, 0);
    }
    for (const [i, golden] of goldenRows.entries()) {
      await hand(golden, actualRows[i]!, promptIds[from + i + 1] ?? goldenNext.tokenId);
    }
    from += ids.length;
  }

  const goldenIds = [...promptIds];
  const actualIds = [...promptIds];
  while (goldenNext.tokenId !== undefined && goldenNext.tokenId === actualNext.tokenId) {
    request.signal?.throwIfAborted();
    const position = goldenIds.length;
    const ids = Int32Array.of(goldenNext.tokenId);
    goldenIds.push(goldenNext.tokenId);
    actualIds.push(goldenNext.tokenId);
    const golden = (await rowsOf(reference, 'golden', ids, position, request))[0]!;
    const actual = (await rowsOf(device, 'actual', ids, position, request))[0]!;
    goldenNext = choose(golden, request, goldenIds.length - promptIds.length);
    actualNext = choose(actual, request, actualIds.length - promptIds.length);
    await hand(golden, actual, goldenNext.tokenId);
  }
  const divergencePosition = goldenNext.tokenId === actualNext.tokenId ? undefined : goldenIds.length;
  const stopReason = await continueAlone(reference, 'golden', goldenIds, goldenNext, request);
  await continueAlone(device, 'actual', actualIds, actualNext, request);
  return {
    tokenIds: Int32Array.from(goldenIds),
    actualTokenIds: Int32Array.from(actualIds),
    newTokens: goldenIds.length - promptIds.length,
    stopReason,
    divergencePosition,
  };
}

interface TimedRow {
  readonly row: LogitsRow;
  readonly ms: number;
}

interface Choice {
  readonly tokenId: number | undefined;
  readonly stopReason: StopReason | undefined;
}

function choose({ row }: TimedRow, request: SequenceRequest, newTokens: number): Choice {
  if (newTokens >= request.maxNewTokens) return { tokenId: undefined, stopReason: 'max-new-tokens' };
  if (request.promptIds.length + newTokens >= request.maxSeqLen)
    return { tokenId: undefined, stopReason: 'max-seq-len' };
  const tokenId = argmax(row.logits);
  // A row without any number has no choice; the judge of that row says so, and the text ends here.
  if (tokenId < 0 || request.eosTokenIds.includes(tokenId)) return { tokenId: undefined, stopReason: 'eos' };
  return { tokenId, stopReason: undefined };
}

async function continueAlone(
  source: LogitsSource,
  side: 'golden' | 'actual',
  ids: number[],
  first: Choice,
  request: SequenceRequest,
): Promise<StopReason> {
  let next = first;
  while (next.tokenId !== undefined) {
    request.signal?.throwIfAborted();
    const position = ids.length;
    ids.push(next.tokenId);
    const row = (await rowsOf(source, side, Int32Array.of(next.tokenId), position, request))[0]!;
    next = choose(row, request, ids.length - request.promptIds.length);
  }
  return next.stopReason ?? 'max-new-tokens';
}

/** Feeds one side and keeps copies of its rows: [ids, V] float32. */
async function rowsOf(
  source: LogitsSource,
  side: 'golden' | 'actual',
  ids: Int32Array,
  firstPosition: number,
  request: SequenceRequest,
): Promise<readonly TimedRow[]> {
  const rows: TimedRow[] = [];
  let since = performance.now();
  await blame(side === 'golden' ? 'reference' : 'device', () =>
    source.feed(ids, feedRequest(request), (row) => {
      requireContext(side, row, firstPosition + rows.length, ids[rows.length], request.prompt);
      rows.push({ row: { ...row, logits: row.logits.slice() }, ms: performance.now() - since });
      since = performance.now();
    }),
  );
  const missing = Int32Array.from({ length: ids.length - rows.length }, (_, i) => firstPosition + rows.length + i);
  requireRows(side, missing, request.prompt);
  return rows;
}
