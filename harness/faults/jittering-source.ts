// A device that gives other logits each time that it is asked: normal noise of a given size, drawn on from one row to the next.
import type { FeedRequest, LogitsSource, RowSink } from '../../src/device/logits-source.ts';
import { WrappedSource } from '../sources/wrapped-source.ts';
import { normalOf, randomOf } from './random.ts';

export class JitteringSource extends WrappedSource {
  readonly #random: () => number;
  readonly #size: number;

  /** @param size - standard deviation of what is added to each logit. */
  constructor(inner: LogitsSource, size: number, seed: number) {
    super(inner);
    this.#size = size;
    this.#random = randomOf(seed, 'jitter');
  }

  override feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    return this.inner.feed(tokenIds, want, (row) =>
      onRow({ ...row, logits: row.logits.map((logit) => logit + this.#size * normalOf(this.#random)) }),
    );
  }
}
