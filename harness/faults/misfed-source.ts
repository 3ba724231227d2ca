// A sound model that is fed other tokens than it says: the row of each claimed token is that of the last token really fed for it.
import type { FeedRequest, LogitsSource, RowSink, SourceInfo } from '../../src/device/logits-source.ts';
import { WrappedSource } from '../sources/wrapped-source.ts';
import { bestIds } from './row-arithmetic.ts';

/** A token that the model is asked to consume, and what is known then. */
export interface ClaimedToken {
  readonly tokenId: number;
  readonly position: number;
  /** Claimed tokens before it. */
  readonly before: readonly number[];
  readonly promptLength: number;
  /** Best and second best of the model's row before; none at the beginning. */
  readonly own: readonly number[];
}

export interface Misfeed {
  /** What is really fed for a token, at least one; the row of the last one is handed out. */
  readonly feed: (token: ClaimedToken) => readonly number[];
  /** Whether the cache is lost before this token. */
  readonly forgets?: (token: ClaimedToken) => boolean;
  /** Keys and values of the prompt before stay when the next one begins. */
  readonly keepsCache?: boolean;
  /** Whether `feed` looks at `own`. */
  readonly isStepwise?: boolean;
}

export class MisfedSource extends WrappedSource {
  readonly #info: SourceInfo;
  readonly #misfeed: Misfeed;
  #claimed: number[] = [];
  #promptLength = 0;
  #own: readonly number[] = [];

  constructor(model: LogitsSource, info: SourceInfo, misfeed: Misfeed) {
    super(model);
    this.#info = info;
    this.#misfeed = misfeed;
  }

  override get info(): SourceInfo {
    return this.#info;
  }

  override get length(): number {
    return this.#claimed.length;
  }

  override async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    if (this.#claimed.length === 0) this.#promptLength = want.promptLength ?? tokenIds.length;
    const { feed, forgets, isStepwise = false } = this.#misfeed;
    let queue: number[] = [];
    /** Index in the queue to the claimed position and token. */
    let wanted = new Map<number, { position: number; tokenId: number }>();
    const flush = async (): Promise<void> => {
      const [ids, rows] = [Int32Array.from(queue), wanted];
      [queue, wanted] = [[], new Map()];
      const from = this.inner.length;
      if (ids.length === 0) return;
      await this.inner.feed(ids, { rows: 'all' }, async (row) => {
        const place = rows.get(row.position - from);
        if (place === undefined) return;
        this.#own = bestIds(row.logits, 2);
        await onRow({ ...row, ...place });
      });
    };
    for (const tokenId of tokenIds) {
      const position = this.#claimed.length;
      const place = { tokenId, position, before: this.#claimed, promptLength: this.#promptLength, own: this.#own };
      if (forgets?.(place) === true) {
        await flush();
        await this.inner.truncate(0);
      }
      queue.push(...feed(place));
      wanted.set(queue.length - 1, { position, tokenId });
      this.#claimed.push(tokenId);
      if (isStepwise) await flush();
    }
    await flush();
  }

  override async truncate(): Promise<void> {
    this.#claimed = [];
    this.#own = [];
    if (this.#misfeed.keepsCache !== true) await this.inner.truncate(0);
  }
}
