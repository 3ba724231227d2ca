// Feeds of several sequences at one model: those that are under way at the same time share passes over the weights.
// Exactness: a sequence's passes are cut as they are when it is fed alone, so its rows have the bits that they have alone.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { requireFiniteWeights } from '../src/checkpoint/not-finite.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import type { FeedRequest, RowSink, TapName } from '../src/device/logits-source.ts';
import { tapWidth } from '../src/device/taps.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import { HEAD_IO } from './graph/qwen2-graph.ts';
import { type JointModel, type JointRows, paddedRows, rowCuts, runJointPass } from './joint-pass.ts';
import type { KvCache } from './kv-cache.ts';
import { type ReferenceRunners, ROWS_TOGETHER } from './open-runners.ts';
import { rotaryFrequencies } from './rotary.ts';

/** Attention scores of one sequence in one pass are [Q, P, S] float32; P is cut so that they stay within this. */
const SCORE_BYTES_MAX = 128 * 2 ** 20;
/** Logits made at a time. */
const LOGITS_BYTES_MAX = 32 * 2 ** 20;
const FLOAT32_BYTES = 4;

interface Feed {
  readonly tokenIds: Int32Array;
  readonly cache: KvCache;
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
  readonly tokenIds: Int32Array;
  /** Position and row, in all rows of the pass, of its first token. */
  readonly firstPosition: number;
  readonly firstRow: number;
}

export interface JointFeedsOptions {
  /** Most positions of one sequence in one pass. */
  readonly chunk: number;
  readonly taps: readonly TapName[];
}

export class JointFeeds {
  readonly #checkpoint: Checkpoint;
  readonly #model: JointModel;
  readonly #head: ReferenceRunners['head'];
  readonly #chunk: number;
  readonly #waiting: Feed[] = [];
  #working: Promise<void> | undefined;
  #weightsAreFinite = false;

  constructor(checkpoint: Checkpoint, runners: ReferenceRunners, { chunk, taps }: JointFeedsOptions) {
    const { config } = checkpoint;
    this.#checkpoint = checkpoint;
    this.#head = runners.head;
    this.#model = { ...runners, config, frequencies: rotaryFrequencies(config), taps: new Set(taps) };
    this.#chunk = chunk;
  }

  /** Appends tokens to the sequence of a cache and hands out the wanted rows. */
  feed(tokenIds: Int32Array, cache: KvCache, want: FeedRequest, onRow: RowSink): Promise<void> {
    if (tokenIds.length === 0) return Promise.resolve();
    return new Promise((done, failed) => {
      this.#waiting.push({ tokenIds, cache, want, onRow, done, failed, start: 0 });
      this.#working ??= this.#work();
    });
  }

  async #work(): Promise<void> {
    for (;;) {
      // Whoever was waiting for a row or a feed may begin the next feed now.
      await nextTurn();
      const shares = this.#nextPass();
      if (shares.length === 0) break;
      await this.#run(shares);
    }
    this.#working = undefined;
  }

  /** The first feeds that wait, as many as fit. */
  #nextPass(): Share[] {
    const shares: Share[] = [];
    let rows = 0;
    for (const feed of this.#waiting) {
      const { tokenIds, cache, start } = feed;
      const count = Math.min(this.#passLength(cache.length), tokenIds.length - start);
      if (rows > 0 && rows + count > ROWS_TOGETHER) continue;
      const part = tokenIds.subarray(start, start + count);
      shares.push({ feed, tokenIds: part, firstPosition: cache.length, firstRow: rows });
      rows += count;
    }
    return shares;
  }

  /** Positions of a sequence's next pass: as many as the chunk and the memory for attention scores allow. */
  #passLength(length: number): number {
    const bytesPerScoreRow = this.#model.config.queryHeads * FLOAT32_BYTES;
    const scores = SCORE_BYTES_MAX / bytesPerScoreRow;
    // P * (length + P) <= scores.
    const affordable = Math.floor((Math.sqrt(length ** 2 + 4 * scores) - length) / 2);
    return Math.max(1, Math.min(this.#chunk, affordable));
  }

  async #run(shares: readonly Share[]): Promise<void> {
    const alive = new Set(shares.map(({ feed }) => feed));
    const drop = (feed: Feed, error: unknown): void => {
      if (!alive.delete(feed)) return;
      this.#waiting.splice(this.#waiting.indexOf(feed), 1);
      feed.failed(error);
    };
    try {
      const rows = await runJointPass(
        this.#model,
        shares.map(({ feed: { cache }, tokenIds }) => ({ cache, tokenIds })),
        new Set(shares.flatMap(({ feed: { want } }) => (want.rows === 'none' ? [] : (want.taps ?? [])))),
      );
      for (const { feed, tokenIds } of shares) feed.start += tokenIds.length;
      await this.#handOut(shares, rows, drop);
      for (const feed of [...alive]) {
        if (feed.start < feed.tokenIds.length) continue;
        this.#waiting.splice(this.#waiting.indexOf(feed), 1);
        feed.done();
      }
    } catch (error) {
      for (const feed of [...alive]) drop(feed, error);
    }
  }

  /** Makes logits for the wanted rows, a few at a time, and hands them out; a sink that throws ends its own feed. */
  async #handOut(
    shares: readonly Share[],
    { hidden, taps }: JointRows,
    drop: (feed: Feed, error: unknown) => void,
  ): Promise<void> {
    const { config, fewestRows, mostRows } = this.#model;
    const { hiddenSize, vocabSize } = config;
    const wanted = shares.flatMap((share) => wantedRows(share).map((row) => ({ share, row })));
    const failed = new Set<Feed>();
    const rowsAtOnce = Math.min(
      mostRows,
      Math.max(fewestRows, Math.floor(LOGITS_BYTES_MAX / (vocabSize * FLOAT32_BYTES))),
    );
    const padded = wanted.length === 0 ? 0 : paddedRows(wanted.length, fewestRows, rowsAtOnce);
    for (const [first, end] of rowCuts(padded, rowsAtOnce)) {
      const some = wanted.slice(first, end);
      const part = new Float32Array((end - first) * hiddenSize);
      for (const [i, { share, row }] of some.entries()) {
        const start = (share.firstRow + row) * hiddenSize;
        part.set(hidden.subarray(start, start + hiddenSize), i * hiddenSize);
      }
      const made = await this.#head.run({ [HEAD_IO.hidden]: new Tensor('float32', part, [end - first, hiddenSize]) });
      const logits = made[HEAD_IO.logits]!.data as Float32Array;
      this.#explainNotFinite(logits.subarray(0, some.length * vocabSize));
      for (const [i, { share, row }] of some.entries()) {
        const { feed, firstPosition, firstRow, tokenIds } = share;
        if (failed.has(feed)) continue;
        const tapRow = (tap: TapName): Float32Array => {
          const width = tapWidth(tap, config);
          return taps.get(tap)!.subarray((firstRow + row) * width, (firstRow + row + 1) * width);
        };
        try {
          await feed.onRow({
            position: firstPosition + row,
            tokenId: tokenIds[row]!,
            logits: logits.subarray(i * vocabSize, (i + 1) * vocabSize),
            taps: new Map((feed.want.taps ?? []).map((tap) => [tap, tapRow(tap)])),
          });
        } catch (error) {
          failed.add(feed);
          drop(feed, error);
        }
      }
    }
  }

  /** Logits that are no numbers are handed on to be judged, unless weights are the cause: then their names say more. */
  #explainNotFinite(logits: Float32Array): void {
    if (this.#weightsAreFinite || hasOnlyFinite(logits)) return;
    requireFiniteWeights(this.#checkpoint);
    this.#weightsAreFinite = true;
  }
}

/** A sum of float32 values cannot overflow a float64. */
function hasOnlyFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return Number.isFinite(sum);
}

/** Of a share whose feed has been counted on: the rows in it that are asked for, rising. */
function wantedRows({ feed: { want, start, tokenIds: all }, tokenIds }: Share): readonly number[] {
  if (want.rows === 'all') return Array.from(tokenIds, (_, row) => row);
  return want.rows === 'last' && start === all.length ? [tokenIds.length - 1] : [];
}
