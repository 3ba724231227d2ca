// One prompt under teacher forcing, step by step: the reference goes first, its rows wait, each device is fed the same and compared.
import type { LogitsRow, LogitsSource } from '../../src/device/logits-source.ts';
import { ReferenceFaultError } from '../../src/errors.ts';
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
import type { SideClock } from './side-clock.ts';
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

/** A prompt with sequences of its own on both sides. */
export interface LaneParts {
  readonly reference: LogitsSource;
  readonly devices: readonly LogitsSource[];
  readonly request: SequenceRequest;
  readonly sinks: LockstepSinks;
  readonly comparisons: readonly Comparison[];
}

/** Time of each side, over all lanes that share its passes. */
export interface SideClocks {
  readonly reference: SideClock;
  readonly devices: SideClock;
}

/** Rows that a lane's golden rows are copied to, one buffer for the reference and each device that is golden for others. */
export type RoomFor = (source: LogitsSource, rows: number) => GoldenChunk;

interface NextToken {
  readonly tokenId: number | undefined;
  readonly stopReason: StopReason | undefined;
}

export class Lane {
  readonly #parts: LaneParts;
  readonly #clocks: SideClocks;
  readonly #failed: Set<number> = new Set();
  readonly #known: Int32Array;
  /** By device, the indices of its comparisons. */
  readonly #comparisonsOf: readonly (readonly number[])[];
  /** Every token fed to the reference. */
  readonly #ids: number[] = [];
  /** Golden rows that wait for the devices; positions #chunkStart … #ids.length - 1 were fed since they were last fed. */
  #chunk: GoldenChunk;
  /** Rows of devices that are golden for others. */
  #deviceChunks: ReadonlyMap<number, GoldenChunk> = new Map();
  #chunkStart = 0;
  /** Known once the reference has been fed all known tokens. */
  #next: NextToken | undefined;

  constructor(parts: LaneParts, clocks: SideClocks) {
    this.#parts = parts;
    this.#clocks = clocks;
    this.#known = knownIds(parts.request);
    this.#comparisonsOf = parts.devices.map((_, device) =>
      [...parts.comparisons.keys()].filter((i) => parts.comparisons[i]!.device === device),
    );
    this.#chunk = new GoldenChunk(new Float32Array(0), parts.reference.vocabSize);
  }

  /** Most golden rows that may wait, and most positions that are fed at once. */
  get chunkMost(): number {
    return this.#parts.request.chunkPositions ?? CHUNK_POSITIONS;
  }

  get longestLength(): number {
    return longestLength(this.#parts.request);
  }

  get chunkPositions(): number {
    return Math.min(this.chunkMost, this.longestLength);
  }

  /** Golden rows that wait at once while known tokens are fed. */
  get knownRows(): number {
    return Math.min(this.chunkPositions, this.#known.length);
  }

  get isDone(): boolean {
    return this.#next !== undefined && this.#next.tokenId === undefined && this.#chunk.length === 0;
  }

  /** Whether the reference can be fed a token before the devices are. */
  get canStep(): boolean {
    return this.#next?.tokenId !== undefined && !this.#chunk.isFull;
  }

  /** Of a lane that is done. */
  get outcome(): SequenceOutcome {
    return {
      tokenIds: Int32Array.from(this.#ids),
      newTokens: this.#ids.length - this.#parts.request.promptIds.length,
      stopReason: this.#next?.stopReason ?? 'max-new-tokens',
    };
  }

  /** Says where the next golden rows wait; none may be waiting. */
  useRooms(roomFor: RoomFor, rows: number): void {
    const { reference, devices, comparisons } = this.#parts;
    this.#chunk = roomFor(reference, rows);
    const golden = new Set(comparisons.flatMap((comparison) => comparison.golden ?? []));
    this.#deviceChunks = new Map([...golden].map((index) => [index, roomFor(devices[index]!, rows)]));
  }

  /** Feeds the tokens that need no choice to both sides, chunk by chunk, and finds the first one that does. */
  async feedKnown(): Promise<void> {
    const { reference, request } = this.#parts;
    await blame('reference', () => reference.truncate(0));
    await this.#eachDevice((device) => device.truncate(0));
    const known = this.#known;
    while (this.#ids.length < known.length) {
      request.signal?.throwIfAborted();
      await this.#feedReference(known.subarray(this.#ids.length, this.#ids.length + this.chunkPositions));
      if (this.#ids.length < known.length) await this.#compare(known[this.#ids.length]);
    }
    // The last known chunk waits for its golden argmax, which is the token that follows it.
    this.#next = this.#nextToken();
    await this.#compare(this.#next.tokenId);
  }

  /** Feeds the reference the token that it chose. */
  async step(): Promise<void> {
    this.#parts.request.signal?.throwIfAborted();
    await this.#feedReference(Int32Array.of(this.#next!.tokenId!));
    this.#next = this.#nextToken();
  }

  /** Feeds the devices what the reference was fed since they were last. */
  async compare(): Promise<void> {
    if (this.#chunk.length > 0 || this.#chunkStart < this.#ids.length) await this.#compare(this.#next?.tokenId);
  }

  #nextToken(): NextToken {
    const { promptIds, continuationIds, maxNewTokens, maxSeqLen, eosTokenIds, prompt } = this.#parts.request;
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
    const { onStage, prompt } = this.#parts.request;
    const firstPosition = this.#ids.length;
    onStage?.({ side: 'reference', firstPosition, lastPosition: firstPosition + ids.length - 1 });
    const wanted = this.#wanted(firstPosition, ids.length);
    let found = 0;
    const clock = this.#clocks.reference;
    await blame('reference', () =>
      clock.during(() =>
        this.#parts.reference.feed(ids, feedRequest(this.#parts.request), (row) => {
          if (!this.#isWanted(row.position)) return;
          requireRows('golden', skipped(wanted.subarray(found), row, ids[row.position - firstPosition]), prompt);
          requireContext('golden', row, wanted[found] ?? -1, ids[row.position - firstPosition], prompt);
          found++;
          this.#chunk.push(row, clock.lap());
          clock.resume();
        }),
      ),
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
    const request = this.#parts.request;
    const firstPosition = this.#chunkStart;
    const stage = { side: 'device', firstPosition, lastPosition: firstPosition + ids.length - 1 } as const;
    const { onStage } = request;
    onStage?.(stage);
    const onLayer = (done: number, total: number): void => onStage?.({ ...stage, layers: { done, total } });
    const want = { ...feedRequest(request), ...(onStage === undefined ? {} : { onLayer }) };
    const { rows } = this.#chunk;
    let found = 0;
    const clock = this.#clocks.devices;
    await blame('device', () =>
      clock.during(() =>
        device.feed(ids, want, async (actual) => {
          const actualMs = clock.lap();
          if (!this.#isWanted(actual.position)) return;
          const golden = rows[found];
          if (golden === undefined) throw tooManyRows(request.prompt, actual);
          if (actual.position !== golden.position) {
            const waiting = positionsOf(rows.slice(found));
            requireRows('actual', skipped(waiting, actual, ids[actual.position - firstPosition]), request.prompt);
          }
          requireContext('actual', actual, golden.position, golden.tokenId, request.prompt);
          found++;
          request.signal?.throwIfAborted();
          const { position, tokenId } = golden;
          const step = decodeStep(position, request);
          const nextTokenId = ids[position + 1 - firstPosition] ?? tokenAfterChunk;
          this.#deviceChunks.get(index)?.push(actual, actualMs);
          for (const comparison of this.#comparisonsOf[index]!) {
            const chunk = this.#goldenChunkOf(comparison);
            if (chunk === undefined) continue;
            try {
              await this.#parts.sinks.onPair(comparison, {
                position,
                step,
                tokenId,
                nextTokenId,
                golden: chunk.rows[found - 1]!,
                actual,
                ms: { golden: chunk.milliseconds[found - 1]!, actual: actualMs },
              });
            } catch (error) {
              throw new SinkError(error);
            }
          }
          clock.resume();
        }),
      ),
    );
    requireRows('actual', positionsOf(rows.slice(found)), request.prompt);
  }

  /** Golden rows of a comparison; undefined if the device failed whose rows they are. */
  #goldenChunkOf(comparison: number): GoldenChunk | undefined {
    const { golden } = this.#parts.comparisons[comparison]!;
    if (golden === undefined) return this.#chunk;
    return this.#failed.has(golden) ? undefined : this.#deviceChunks.get(golden)!;
  }

  /** Runs what may fail for a device that has not failed yet; what a sink threw is nobody's fault and goes through as it was. */
  async #eachDevice(action: (device: LogitsSource, index: number) => Promise<void>): Promise<void> {
    for (const [index, device] of this.#parts.devices.entries()) {
      if (this.#failed.has(index)) continue;
      try {
        await blame('device', () => action(device, index));
      } catch (error) {
        if (error instanceof SinkError) throw error.thrown;
        if (isAbort(error) || this.#parts.sinks.onDeviceError === undefined) throw error;
        this.#failed.add(index);
        for (const [i, { device: used, golden }] of this.#parts.comparisons.entries()) {
          if (used === index || golden === index) this.#parts.sinks.onDeviceError(i, error);
        }
      }
    }
  }

  #isWanted(position: number): boolean {
    return this.#parts.request.positions === undefined || isIn(this.#parts.request.positions, position);
  }

  /** Positions of a feed whose rows are to be judged. */
  #wanted(firstPosition: number, count: number): Int32Array {
    return Int32Array.from({ length: count }, (_, i) => firstPosition + i).filter((position) =>
      this.#isWanted(position),
    );
  }
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
