// Reference rows that are kept on disk: a context that was fed before is handed out from there, and the reference is not opened for it.
import path from 'node:path';
import type { FeedRequest, LogitsSource, RowSink, SourceInfo, TapName } from '../../src/device/logits-source.ts';
import { type GoldenFile, openGoldenFile } from './golden-file.ts';
import { GoldenKeeper, goldenPath } from './golden-keeper.ts';
import { contextName, type GoldenKey, goldenFolderName } from './golden-key.ts';

/** What came from where; a reference that is cached counts on. */
export class GoldenCacheUse {
  /** Rows handed out from the disk. */
  rowsRead = 0;
  /** Rows that a reference made. */
  rowsMade = 0;
  /** Why rows were not kept. */
  problem: string | null = null;
}

export interface GoldenCacheOptions {
  readonly use?: GoldenCacheUse;
  /** Throws when the weights are not those of the key any more: rows of others are not kept. */
  readonly requireUnchanged?: () => Promise<void>;
}

/**
 * A reference whose rows are kept under `folder`, for sequences that are fed with `rows: 'all'`; every bit is that of a reference without
 * it. What is not kept, or not as it was written, is made: the reference is then opened and fed the same feeds from the beginning, since
 * their lengths decide last bits.
 *
 * Files are only ever added: a sequence that goes on after another's beginning has a file for the rest. Those of a feed that failed are
 * not kept. What the disk refuses is counted, and costs nobody a row.
 *
 * @param key - of the reference that `open` opens, without taps.
 */
export async function cachedReference(
  key: GoldenKey,
  folder: string,
  open: OpenReference,
  options: GoldenCacheOptions = {},
): Promise<LogitsSource> {
  const shared = new SharedReference(open);
  return new CachedReference(key, folder, shared, () => shared.close(), options);
}

/** Opens a reference that many sequences can share. */
export type OpenReference = () => Promise<LogitsSource & Required<Pick<LogitsSource, 'sequence'>>>;

/** Where reading stands in a file. */
interface Place {
  readonly file: GoldenFile;
  readonly feed: number;
  readonly row: number;
}

/** The reference that all sequences share, opened for the first of them that needs it. */
class SharedReference {
  readonly #open: OpenReference;
  #opened: ReturnType<OpenReference> | undefined;

  constructor(open: OpenReference) {
    this.#open = open;
  }

  async sequence(): Promise<LogitsSource> {
    if (this.#opened !== undefined) return (await this.#opened).sequence();
    this.#opened = this.#open();
    return this.#opened;
  }

  /** Gives back what a sequence holds alone; the first one is the reference itself. */
  async closeSequence(sequence: LogitsSource): Promise<void> {
    if (sequence !== (await this.#opened)) await sequence.close();
  }

  async close(): Promise<void> {
    await (await this.#opened)?.close();
  }
}

class CachedReference implements LogitsSource {
  readonly info: SourceInfo;
  readonly vocabSize: number;
  readonly taps: readonly TapName[] = [];
  readonly #folder: string;
  /** Name of the context before the first feed. */
  readonly #empty: string;
  readonly #shared: SharedReference;
  readonly #closeShared: () => Promise<void>;
  /** Another sequence of the same reference: its rows are kept beside these. */
  readonly sequence: () => LogitsSource;
  readonly #use: GoldenCacheUse;
  readonly #keeper: GoldenKeeper;
  /** [V], of the row that is handed out. */
  readonly #logits: Float32Array;

  #inner: LogitsSource | undefined;
  /** Of the sequence: every feed, the name of the context after them, where the next one may stand. */
  #feeds: Int32Array[] = [];
  #context: string;
  #place: Place | undefined;
  #length = 0;
  /** Whether the inner source has been fed the whole sequence, and is fed the rest of it. */
  #isLive = false;
  #isKept = true;

  constructor(
    key: GoldenKey,
    folder: string,
    shared: SharedReference,
    closeShared: () => Promise<void>,
    options: GoldenCacheOptions,
  ) {
    const { use = new GoldenCacheUse(), requireUnchanged = async () => undefined } = options;
    this.info = key.info;
    this.vocabSize = key.vocabSize;
    this.#empty = goldenFolderName(key);
    this.#context = this.#empty;
    this.#folder = path.resolve(folder, this.#empty);
    this.#shared = shared;
    this.#closeShared = closeShared;
    this.sequence = () => new CachedReference(key, folder, shared, async () => undefined, options);
    this.#use = use;
    this.#logits = new Float32Array(key.vocabSize);
    this.#keeper = new GoldenKeeper({
      folder: this.#folder,
      vocabSize: key.vocabSize,
      requireUnchanged,
      onProblem: (problem) => {
        use.problem = problem;
      },
    });
  }

  get length(): number {
    return this.#length;
  }

  async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    if (tokenIds.length === 0) return;
    const context = contextName(this.#context, tokenIds);
    const handedOut = this.#isLive ? 0 : await this.#readFeed(context, tokenIds, want, onRow);
    if (handedOut < tokenIds.length) {
      if (!this.#isLive) await this.#goLive(want);
      await this.#feedLive(context, tokenIds, want, onRow, handedOut);
    }
    this.#feeds.push(tokenIds.slice());
    this.#context = context;
    this.#length += tokenIds.length;
  }

  async truncate(length: number): Promise<void> {
    if (length === this.#length && length > 0) return;
    await this.#keeper.keep();
    if (length > 0) {
      if (!this.#isLive) await this.#goLive({ rows: 'none' });
      await this.#inner!.truncate(length);
      // No name says of a context that one of its feeds was cut.
      this.#isKept = false;
      this.#length = length;
      return;
    }
    this.#feeds = [];
    this.#context = this.#empty;
    this.#place = undefined;
    this.#length = 0;
    this.#isLive = false;
    this.#isKept = true;
  }

  async close(): Promise<void> {
    await this.#keeper.keep();
    if (this.#inner !== undefined) await this.#shared.closeSequence(this.#inner);
    await this.#closeShared();
  }

  /** @returns how many positions of the feed are done: fewer than all where it is not kept, or a row is not as it was written. */
  async #readFeed(context: string, tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<number> {
    const isRead = isKeepable(want) || (want.rows === 'none' && hasNoTaps(want));
    const place = isRead ? this.#find(context, tokenIds) : undefined;
    if (place === undefined) return 0;
    if (want.rows !== 'none') {
      for (const [i, tokenId] of tokenIds.entries()) {
        want.signal?.throwIfAborted();
        if (!place.file.readRow(place.row + i, this.#logits)) return i;
        this.#use.rowsRead++;
        await onRow({ position: this.#length + i, tokenId, logits: this.#logits, taps: new Map() });
      }
    }
    this.#place = { file: place.file, feed: place.feed + 1, row: place.row + tokenIds.length };
    return tokenIds.length;
  }

  /** A file that begins with this feed comes first: it is there where an older one was damaged at this place. */
  #find(context: string, tokenIds: Int32Array): Place | undefined {
    const file = openGoldenFile(goldenPath(this.#folder, context), context, this.vocabSize);
    const own: Place | undefined = file && { file, feed: 0, row: 0 };
    return [own, this.#place].find((place) => isSame(place?.file.feeds[place.feed], tokenIds));
  }

  /** Opens the inner source if it is not yet, and feeds it the sequence so far, feed by feed. */
  async #goLive({ taps: _taps, ...want }: FeedRequest): Promise<void> {
    this.#inner ??= await this.#shared.sequence();
    await this.#inner.truncate(0);
    for (const tokenIds of this.#feeds) {
      want.signal?.throwIfAborted();
      await this.#inner.feed(tokenIds, { ...want, rows: 'none' }, () => undefined);
    }
    this.#isLive = true;
  }

  /** @param handedOut - rows of the feed that need not be handed out again. */
  async #feedLive(
    context: string,
    tokenIds: Int32Array,
    want: FeedRequest,
    onRow: RowSink,
    handedOut: number,
  ): Promise<void> {
    this.#isKept &&= isKeepable(want);
    // Known tokens come in long feeds: each begins a file, so that texts with one beginning share that.
    if (tokenIds.length > 1 || !this.#isKept) await this.#keeper.keep();
    if (this.#isKept) this.#keeper.begin(context);
    let row = 0;
    try {
      await this.#inner!.feed(tokenIds, want, async (made) => {
        this.#keeper.addRow(made.tokenId, made.logits);
        if (row++ < handedOut) return;
        this.#use.rowsMade++;
        await onRow(made);
      });
    } catch (error) {
      this.#keeper.drop();
      throw error;
    }
    this.#keeper.endFeed(tokenIds.length);
  }
}

/** Another number of rows is another product in the lm_head, with last bits of its own. */
function isKeepable(want: FeedRequest): boolean {
  return want.rows === 'all' && hasNoTaps(want);
}

function hasNoTaps({ taps = [] }: FeedRequest): boolean {
  return taps.length === 0;
}

function isSame(stored: Int32Array | undefined, tokenIds: Int32Array): boolean {
  return stored?.length === tokenIds.length && stored.every((id, i) => id === tokenIds[i]);
}
