// A device whose feeds are remembered, so that a sequence can be fed again as it was, or cut otherwise.
import type { FeedRequest, LogitsSource, RowSink } from '../../src/device/logits-source.ts';
import { WrappedSource } from '../sources/wrapped-source.ts';

export class FeedRecorder extends WrappedSource {
  #feeds: Int32Array[] = [];

  /** Of the sequence under way. */
  get feeds(): readonly Int32Array[] {
    return this.#feeds;
  }

  /** Another sequence of the same device, if it can have several: its feeds may share passes with those of this one. */
  openNeighbour(): LogitsSource | undefined {
    return this.inner.sequence?.();
  }

  override feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    this.#feeds.push(tokenIds.slice());
    return this.inner.feed(tokenIds, want, onRow);
  }

  override truncate(length: number): Promise<void> {
    if (length === 0) this.#feeds = [];
    return this.inner.truncate(length);
  }
}
