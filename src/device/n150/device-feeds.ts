// Feeds of several sequences at one device: those that are under way at the same time share passes over the weights.
// Exactness: every operation is independent per row and every sequence has its own cache, so no bit depends on who shares a pass.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ModelConfig } from '../../checkpoint/config.ts';
import type { FeedRequest, RowSink, TapName } from '../logits-source.ts';
import { tapWidth } from '../taps.ts';
import type { DecodeGraph, GraphSequence, Onlooker, Pass } from './decode-graph.ts';
import { copyLastRows } from './rows.ts';

/** Rows that pass through the layers together, so that streamed weights are read once for all of them; changes no bit. */
const ROWS_PER_BATCH = 256;

/** Logits made at once are at most this many values (256 MiB): all rows of a batch for Qwen2's 152,064 tokens. */
const LOGITS_PER_BATCH = 1 << 26;

export interface SequenceState {
  readonly sequence: GraphSequence;
  /** Positions fed. */
  length: number;
}

interface Feed {
  readonly state: SequenceState;
  readonly tokenIds: Int32Array;
  readonly want: FeedRequest;
  readonly onRow: RowSink;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
  /** Tokens of it that were run. */
  start: number;
}

/** A feed's share of a pass. */
interface Share {
  readonly feed: Feed;
  readonly batch: Int32Array;
  /** Last rows of it whose logits are asked for. */
  readonly wantedRows: number;
}

export class DeviceFeeds {
  readonly #graph: DecodeGraph;
  readonly #model: ModelConfig;
  readonly #layers: number;
  readonly #waiting: Set<Feed> = new Set();
  #isWorking = false;

  constructor(graph: DecodeGraph, model: ModelConfig, layers: number) {
    this.#graph = graph;
    this.#model = model;
    this.#layers = layers;
  }

  /** Appends tokens to a sequence and hands out the wanted rows. */
  feed(state: SequenceState, tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    if (tokenIds.length === 0) return Promise.resolve();
    return new Promise((done, failed) => {
      this.#waiting.add({ state, tokenIds, want, onRow, done, failed, start: 0 });
      if (!this.#isWorking) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (;;) {
      // Whoever was waiting for a row or a feed may begin the next feed now.
      await nextTurn();
      const [first, ...others] = this.#nextPass();
      if (first === undefined) break;
      await this.#run([first, ...others]);
    }
    this.#isWorking = false;
  }

  /** The first feeds that wait, as far as there is room; one with taps, or that wants less than all rows, is alone. */
  #nextPass(): Share[] {
    const shares: Share[] = [];
    let room = ROWS_PER_BATCH;
    for (const feed of this.#waiting) {
      const { tokenIds, start, want } = feed;
      const isJoint = want.rows === 'all' && (want.taps ?? []).length === 0;
      if (room === 0 || (shares.length > 0 && !isJoint)) continue;
      const batch = tokenIds.subarray(start, start + room);
      shares.push({
        feed,
        batch,
        wantedRows: countWanted(want.rows, batch.length, start + batch.length === tokenIds.length),
      });
      if (!isJoint) break;
      room -= batch.length;
    }
    return shares;
  }

  async #run(shares: readonly [Share, ...Share[]]): Promise<void> {
    const alive = new Set(shares.map(({ feed }) => feed));
    const drop = (feed: Feed, error: unknown): void => {
      alive.delete(feed);
      this.#waiting.delete(feed);
      feed.failed(error);
    };
    try {
      await this.#compute(shares, alive, drop);
    } catch (error) {
      for (const feed of alive) drop(feed, error);
    }
    for (const feed of alive) {
      if (feed.start < feed.tokenIds.length) continue;
      this.#waiting.delete(feed);
      feed.done();
    }
  }

  async #compute(
    shares: readonly [Share, ...Share[]],
    alive: ReadonlySet<Feed>,
    drop: (feed: Feed, error: unknown) => void,
  ): Promise<void> {
    const { hiddenSize, vocabSize } = this.#model;
    const wantedRows = shares.reduce((sum, share) => sum + share.wantedRows, 0);
    const taps = new Map<TapName, Float32Array>();
    const onlooker = this.#onlooker(shares, wantedRows, taps);
    for (const { feed } of shares) feed.want.signal?.throwIfAborted();
    const passes = shares.map(passOf) as [Pass, ...Pass[]];
    const normed = await this.#graph.run(passes, onlooker);
    for (const { feed, batch } of shares) {
      feed.state.length += batch.length;
      feed.start += batch.length;
    }
    const wanted = shares.flatMap((share) => Array.from({ length: share.wantedRows }, (_, row) => ({ share, row })));
    const rowsPerLogits = Math.max(1, Math.floor(LOGITS_PER_BATCH / vocabSize));
    for (let first = 0; first < wantedRows; first += rowsPerLogits) {
      const some = wanted.slice(first, first + rowsPerLogits);
      const logits = await this.#graph.logits(rowsOf(normed, hiddenSize, first, some.length), onlooker);
      for (const [i, { share, row }] of some.entries()) {
        const { feed, batch } = share;
        if (!alive.has(feed)) continue;
        const fromEnd = share.wantedRows - row;
        const tapRows = [...taps].map(([tap, values]) => {
          return [tap, rowsOf(values, tapWidth(tap, this.#model), first + i, 1)] as const;
        });
        try {
          await feed.onRow({
            position: feed.state.length - fromEnd,
            tokenId: batch[batch.length - fromEnd]!,
            logits: rowsOf(logits, vocabSize, i, 1),
            taps: new Map(tapRows),
          });
        } catch (error) {
          drop(feed, error);
        }
      }
    }
  }

  /** @param taps - filled with the wanted rows of those that the only feed of a pass asked for. */
  #onlooker(shares: readonly Share[], wantedRows: number, taps: Map<TapName, Float32Array>): Onlooker {
    const asked = new Set<TapName>(shares.flatMap(({ feed: { want } }) => want.taps ?? []));
    return {
      onTap: (tap, rows) => {
        if (asked.has(tap)) taps.set(tap, copyLastRows(rows, wantedRows, tapWidth(tap, this.#model)));
      },
      showsCache: [...asked].some((tap) => tap.endsWith('_cached')),
      // Resident weights are handed over within one turn of the event loop: here signals and timers are served.
      async between() {
        await nextTurn();
        for (const { feed } of shares) feed.want.signal?.throwIfAborted();
      },
      onLayer: (done) => {
        for (const { feed } of shares) feed.want.onLayer?.(done, this.#layers);
      },
    };
  }
}

function passOf({ feed: { state, want }, batch, wantedRows }: Share): Pass {
  const { sequence, length } = state;
  return { sequence, tokenIds: batch, firstPosition: length, wantedRows, promptLength: want.promptLength };
}

/** Rows at a batch's end whose logits are asked for. */
function countWanted(rows: FeedRequest['rows'], count: number, isLastBatch: boolean): number {
  if (rows === 'all') return count;
  return rows === 'last' && isLastBatch ? 1 : 0;
}

function rowsOf(values: Float32Array, width: number, first: number, count: number): Float32Array {
  return values.subarray(first * width, (first + count) * width);
}
