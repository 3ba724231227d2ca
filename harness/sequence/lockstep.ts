// Teacher forcing: feeds the reference and each device the same tokens, chunk by chunk, and hands out each pair of rows at once.
import type { LogitsRow, LogitsSource } from '../../src/device/logits-source.ts';
import { InternalError, ReferenceFaultError } from '../../src/errors.ts';
import { GoldenChunk } from './golden-chunk.ts';
import {
  argmax,
  CHUNK_POSITIONS,
  decodeStep,
  feedRequest,
  knownIds,
  longestLength,
  type PairSink,
  type SequenceOutcome,
  type SequenceRequest,
  type StopReason,
} from './sequence.ts';
import { blame, isAbort, requireContext, requireRows, SinkError, skipped } from './sides.ts';

/** Whose rows are compared with whose. */
export interface Comparison {
  /** Index of the device whose rows are the actual ones. */
  readonly device: number;
  /** Index of a device before it whose rows are the golden ones; the reference's are if absent. */
  readonly golden?: number | undefined;
}

export interface LockstepSinks {
  /** @param comparison - its index; one a device, in order, if none were given. */
  readonly onPair: (comparison: number, ...pair: Parameters<PairSink>) => ReturnType<PairSink>;
  /**
   * A device of a comparison failed in this sequence. It is fed no more of it; what this throws ends the sequence for all.
   *
   * Without it, any device's error ends the sequence.
   */
  readonly onDeviceError?: (comparison: number, error: unknown) => void;
}

/**
 * Runs one prompt under teacher forcing.
 *
 * The reference goes first by at most one chunk, its rows are copied into one buffer [chunk, V]; each device is then fed the same
 * chunk and each of its rows is handed out with its golden row. Chunk borders depend on the request alone, so that a repeated
 * run makes the same numbers.
 *
 * @throws ComparisonInvalidError when the sides differ in token or position, or lack a row.
 * @throws DeviceError, ReferenceFaultError around foreign errors of that side.
 */
export async function runLockstep(
  reference: LogitsSource,
  devices: readonly LogitsSource[],
  request: SequenceRequest,
  sinks: LockstepSinks,
  comparisons: readonly Comparison[] = devices.map((_, device) => ({ device })),
): Promise<SequenceOutcome> {
  const lockstep = new Lockstep(reference, devices, request, sinks, comparisons);
  return lockstep.run();
}

class Lockstep {
  readonly #reference: LogitsSource;
  readonly #devices: readonly LogitsSource[];
  readonly #request: SequenceRequest;
  readonly #sinks: LockstepSinks;
  readonly #comparisons: readonly Comparison[];
  readonly #failed: Set<number> = new Set();
  /** Rows of devices that are golden for others, one buffer each. */
  readonly #deviceChunks: ReadonlyMap<number, GoldenChunk>;
  /** Every token fed to the reference. */
  readonly #ids: number[] = [];
  /** Golden rows that wait for the devices; positions #chunkStart … #ids.length - 1 were fed since they were last fed. */
  readonly #chunk: GoldenChunk;
  #chunkStart = 0;

  constructor(
    reference: LogitsSource,
    devices: readonly LogitsSource[],
    request: SequenceRequest,
    sinks: LockstepSinks,
    comparisons: readonly Comparison[],
  ) {
    this.#comparisons = comparisons;
    this.#reference = reference;
    this.#devices = devices;
    this.#request = request;
    this.#sinks = sinks;
    // A short text needs no buffer of a whole chunk, which is 156 MB at Qwen2-7B's vocabulary; its borders are the same.
    const capacity = Math.min(request.chunkPositions ?? CHUNK_POSITIONS, longestLength(request));
    this.#chunk = new GoldenChunk(capacity, reference.vocabSize);
    const golden = comparisons.flatMap((comparison) => comparison.golden ?? []);
    const tooLate = comparisons.find((comparison) => (comparison.golden ?? -1) >= comparison.device);
    if (tooLate !== undefined) {
      throw new InternalError('a device is compared with one that is fed after it.', {
        code: 'COMPARISON_ORDER',
        facts: { device: tooLate.device, golden: tooLate.golden! },
      });
    }
    this.#deviceChunks = new Map(
      [...new Set(golden)].map((index) => [index, new GoldenChunk(capacity, devices[index]!.vocabSize)]),
    );
  }

  async run(): Promise<SequenceOutcome> {
    const request = this.#request;
    await blame('reference', () => this.#reference.truncate(0));
    await this.#eachDevice((device) => device.truncate(0));
    const known = knownIds(request);
    while (this.#ids.length < known.length) {
      request.signal?.throwIfAborted();
      await this.#feedReference(known.subarray(this.#ids.length, this.#ids.length + this.#chunk.capacity));
      if (this.#ids.length < known.length) await this.#compare(known[this.#ids.length]);
    }
    // The last known chunk waits for its golden argmax, which is the token that follows it.
    let next = this.#nextToken();
    await this.#compare(next.tokenId);
    while (next.tokenId !== undefined) {
      request.signal?.throwIfAborted();
      await this.#feedReference(Int32Array.of(next.tokenId));
      next = this.#nextToken();
      if (this.#chunk.isFull || next.tokenId === undefined) await this.#compare(next.tokenId);
    }
    return {
      tokenIds: Int32Array.from(this.#ids),
      newTokens: this.#ids.length - request.promptIds.length,
      stopReason: next.stopReason ?? 'max-new-tokens',
    };
  }

  #nextToken(): NextToken {
    const { promptIds, continuationIds, maxNewTokens, maxSeqLen, eosTokenIds, prompt } = this.#request;
    const stop = (stopReason: StopReason): NextToken => ({ tokenId: undefined, stopReason });
    if (continuationIds !== undefined) return stop('continuation-end');
    if (this.#ids.length - promptIds.length >= maxNewTokens) return stop('max-new-tokens');
    if (this.#ids.length >= maxSeqLen) return stop('max-seq-len');
    const last = this.#chunk.last();
    const tokenId = argmax(last.logits);
    if (tokenId < 0) {
      throw new ReferenceFaultError(`prompt "${prompt}": the reference's logits hold no number to continue from.`, {
        code: 'GOLDEN_NOT_FINITE',
        facts: { position: last.position },
        hint: 'make the reference again: its weights or its recording hold NaN or infinities, or are of another config.json.',
      });
    }
    if (eosTokenIds.includes(tokenId)) return stop('eos');
    return { tokenId, stopReason: undefined };
  }

  async #feedReference(ids: Int32Array): Promise<void> {
    const { onStage, prompt } = this.#request;
    const firstPosition = this.#ids.length;
    onStage?.({ side: 'reference', firstPosition, lastPosition: firstPosition + ids.length - 1 });
    const wanted = this.#wanted(firstPosition, ids.length);
    let found = 0;
    let since = performance.now();
    await blame('reference', () =>
      this.#reference.feed(ids, feedRequest(this.#request), (row) => {
        if (!this.#isWanted(row.position)) return;
        requireRows('golden', skipped(wanted.subarray(found), row, ids[row.position - firstPosition]), prompt);
        requireContext('golden', row, wanted[found] ?? -1, ids[row.position - firstPosition], prompt);
        found++;
        this.#chunk.push(row, performance.now() - since);
        since = performance.now();
      }),
    );
    requireRows('golden', wanted.subarray(found), prompt);
    this.#ids.push(...ids);
  }

  /** Feeds the devices what the reference was fed since they were last, and hands out the pairs. */
  async #compare(tokenAfterChunk: number | undefined): Promise<void> {
    const ids = Int32Array.from(this.#ids.slice(this.#chunkStart));
    await this.#eachDevice((device, index) => this.#feedDevice(device, index, ids, tokenAfterChunk));
    this.#chunkStart = this.#ids.length;
    this.#chunk.clear();
    for (const chunk of this.#deviceChunks.values()) chunk.clear();
  }

  async #feedDevice(
    device: LogitsSource,
    index: number,
    ids: Int32Array,
    tokenAfterChunk: number | undefined,
  ): Promise<void> {
    const request = this.#request;
    const firstPosition = this.#chunkStart;
    const stage = { side: 'device', firstPosition, lastPosition: firstPosition + ids.length - 1 } as const;
    const { onStage } = request;
    onStage?.(stage);
    const onLayer = (done: number, total: number): void => onStage?.({ ...stage, layers: { done, total } });
    const want = { ...feedRequest(request), ...(onStage === undefined ? {} : { onLayer }) };
    const { rows } = this.#chunk;
    let found = 0;
    let since = performance.now();
    await blame('device', () =>
      device.feed(ids, want, async (actual) => {
        const actualMs = performance.now() - since;
        if (!this.#isWanted(actual.position)) return;
        const golden = rows[found];
        if (golden === undefined) throw tooManyRows(request.prompt, actual);
        requireRows(
          'actual',
          skipped(positionsOf(rows.slice(found)), actual, ids[actual.position - firstPosition]),
          request.prompt,
        );
        requireContext('actual', actual, golden.position, golden.tokenId, request.prompt);
        found++;
        request.signal?.throwIfAborted();
        const { position, tokenId } = golden;
        const pair = {
          position,
          step: decodeStep(position, request),
          tokenId,
          nextTokenId: ids[position + 1 - firstPosition] ?? tokenAfterChunk,
          actual,
        };
        this.#deviceChunks.get(index)?.push(actual, actualMs);
        for (const [comparison, { row, milliseconds }] of this.#goldenOf(index, found - 1)) {
          try {
            await this.#sinks.onPair(comparison, {
              ...pair,
              golden: row,
              ms: { golden: milliseconds, actual: actualMs },
            });
          } catch (error) {
            throw new SinkError(error);
          }
        }
        since = performance.now();
      }),
    );
    requireRows('actual', positionsOf(rows.slice(found)), request.prompt);
  }

  /** The golden row of each comparison of a device, at an index of the chunk. */
  *#goldenOf(device: number, index: number): Generator<readonly [number, { row: LogitsRow; milliseconds: number }]> {
    for (const [i, comparison] of this.#comparisons.entries()) {
      if (comparison.device !== device) continue;
      const { golden } = comparison;
      if (golden !== undefined && this.#failed.has(golden)) continue;
      const chunk = golden === undefined ? this.#chunk : this.#deviceChunks.get(golden)!;
      yield [i, { row: chunk.rows[index]!, milliseconds: chunk.milliseconds[index]! }];
    }
  }

  /** Runs what may fail for a device that has not failed yet; what a sink threw is nobody's fault and goes through as it was. */
  async #eachDevice(action: (device: LogitsSource, index: number) => Promise<void>): Promise<void> {
    for (const [index, device] of this.#devices.entries()) {
      if (this.#failed.has(index)) continue;
      try {
        await blame('device', () => action(device, index));
      } catch (error) {
        if (error instanceof SinkError) throw error.thrown;
        if (isAbort(error) || this.#sinks.onDeviceError === undefined) throw error;
        this.#failed.add(index);
        for (const [i, { device: used, golden }] of this.#comparisons.entries()) {
          if (used === index || golden === index) this.#sinks.onDeviceError(i, error);
        }
      }
    }
  }

  #isWanted(position: number): boolean {
    return this.#request.positions === undefined || isIn(this.#request.positions, position);
  }

  /** Positions of a feed whose rows are to be judged. */
  #wanted(firstPosition: number, count: number): Int32Array {
    return Int32Array.from({ length: count }, (_, i) => firstPosition + i).filter((position) =>
      this.#isWanted(position),
    );
  }
}

interface NextToken {
  readonly tokenId: number | undefined;
  readonly stopReason: StopReason | undefined;
}

/** Binary search in rising numbers. */
function isIn(sorted: Int32Array, value: number): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === value;
}

function positionsOf(rows: readonly LogitsRow[]): Int32Array {
  return Int32Array.from(rows, ({ position }) => position);
}

function tooManyRows(prompt: string, row: LogitsRow): Error {
  return new RangeError(`prompt "${prompt}": a row of position ${row.position}, which the device was not fed.`);
}
