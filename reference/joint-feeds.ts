// Feeds of several sequences at one model: those that are under way at the same time share passes over the weights.
// Exactness: a sequence's passes are cut as they are when it is fed alone, so its rows have the bits that they have alone.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { longestSequence } from '../src/checkpoint/config.ts';
import { requireFiniteWeights } from '../src/checkpoint/not-finite.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import type { FeedRequest, RowSink, TapName } from '../src/device/logits-source.ts';
import { tapWidth } from '../src/device/taps.ts';
import type { DraftedSequence } from './drafted-sequence.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import { HEAD_IO } from './graph/qwen2-graph.ts';
import { ROWS_PER_BLOCK } from './graph/row-blocks.ts';
import { type JointModel, type JointRows, runJointPass } from './joint-pass.ts';
import { type ReferenceRunners, ROWS_TOGETHER } from './open-runners.ts';
import { draftsOf, type Feed, hasBareRows, partsOf, type Share, wantedRows } from './pass-shares.ts';
import { rotaryFrequencies } from './rotary.ts';

/** Attention scores of one sequence in one pass are [Q, P, S] float32; P is cut so that they stay within this. */
const SCORE_BYTES_MAX = 128 * 2 ** 20;
/** Logits made at a time. */
const LOGITS_BYTES_MAX = 32 * 2 ** 20;
const FLOAT32_BYTES = 4;
/** Up to so many rows of a pass, one more takes no longer, or little: weights are read and widened for all of them. */
const ROWS_WITH_DRAFTS: number = ROWS_PER_BLOCK;

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

  /** Appends tokens to a sequence and hands out the wanted rows. */
  async feed(tokenIds: Int32Array, sequence: DraftedSequence, want: FeedRequest, onRow: RowSink): Promise<void> {
    if (tokenIds.length === 0) return;
    if (tokenIds.length === 1 && hasBareRows(want)) {
      const logits = sequence.takeDraft(tokenIds[0]!);
      if (logits !== undefined) {
        await onRow({ position: sequence.length - 1, tokenId: tokenIds[0]!, logits, taps: new Map() });
        return;
      }
    }
    sequence.dropDrafts();
    await new Promise<void>((done, failed) => {
      this.#waiting.push({ tokenIds, sequence, want, onRow, done, failed, start: 0 });
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
      const { tokenIds, sequence, start } = feed;
      const count = Math.min(this.#passLength(sequence.length), tokenIds.length - start);
      if (rows > 0 && rows + count > ROWS_TOGETHER) continue;
      const part = tokenIds.subarray(start, start + count);
      shares.push({ feed, tokenIds: part, drafts: [], firstPosition: sequence.length, firstRow: rows });
      rows += count;
    }
    return this.#withDrafts(shares);
  }

  /** Guesses along with steps of a token each: a pass with more rows has no weights to spare. */
  #withDrafts(shares: readonly Share[]): Share[] {
    const each = Math.floor(ROWS_WITH_DRAFTS / shares.length) - 1;
    const isStep = ({ feed: { tokenIds, want } }: Share): boolean => tokenIds.length === 1 && hasBareRows(want);
    if (each < 1 || !shares.every(isStep)) return [...shares];
    const { positions } = longestSequence(this.#checkpoint.config);
    let firstRow = 0;
    return shares.map((share) => {
      const { feed, tokenIds, firstPosition } = share;
      const guesses = feed.sequence.guess(tokenIds[0]!, Math.min(each, positions - firstPosition - 1));
      const drafts = draftsOf(guesses, firstPosition + 1);
      const drafted = { ...share, drafts, firstRow };
      firstRow += 1 + drafts.length;
      return drafted;
    });
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
        shares.flatMap(partsOf),
        new Set(shares.flatMap(({ feed: { want } }) => (want.rows === 'none' ? [] : (want.taps ?? [])))),
      );
      for (const { feed, tokenIds } of shares) {
        feed.start += tokenIds.length;
        feed.sequence.append(tokenIds);
      }
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
    const { config } = this.#model;
    const { hiddenSize, vocabSize } = config;
    const wanted = shares.flatMap((share) => wantedRows(share).map((row) => ({ share, row })));
    const failed = new Set<Feed>();
    const blocks = Math.max(1, Math.floor(LOGITS_BYTES_MAX / (vocabSize * FLOAT32_BYTES * ROWS_PER_BLOCK)));
    const rowsAtOnce = blocks * ROWS_PER_BLOCK;
    for (let first = 0; first < wanted.length; first += rowsAtOnce) {
      const some = wanted.slice(first, first + rowsAtOnce);
      const part = new Float32Array(some.length * hiddenSize);
      for (const [i, { share, row }] of some.entries()) {
        const start = (share.firstRow + row) * hiddenSize;
        part.set(hidden.subarray(start, start + hiddenSize), i * hiddenSize);
      }
      const made = await this.#head.run({ [HEAD_IO.hidden]: new Tensor('float32', part, [some.length, hiddenSize]) });
      const logits = made[HEAD_IO.logits]!.data as Float32Array;
      this.#explainNotFinite(logits);
      for (const [i, { share, row }] of some.entries()) {
        const { feed, firstPosition, firstRow, tokenIds, drafts } = share;
        if (failed.has(feed)) continue;
        const rowLogits = logits.subarray(i * vocabSize, (i + 1) * vocabSize);
        if (row >= tokenIds.length) {
          const { tokenId, kept } = drafts[row - tokenIds.length]!;
          feed.sequence.addDraft({ tokenId, logits: rowLogits.slice(), kept });
          continue;
        }
        const tapRow = (tap: TapName): Float32Array => {
          const width = tapWidth(tap, config);
          return taps.get(tap)!.subarray((firstRow + row) * width, (firstRow + row + 1) * width);
        };
        try {
          await feed.onRow({
            position: firstPosition + row,
            tokenId: tokenIds[row]!,
            logits: rowLogits,
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
