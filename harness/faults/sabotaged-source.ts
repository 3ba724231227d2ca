// A source with a fault put in on purpose, to prove that the gate sees it.
import type { FeedRequest, LogitsRow, LogitsSource, RowSink } from '../../src/device/logits-source.ts';
import { WrappedSource } from '../sources/wrapped-source.ts';

/** Changes each row on its way out; `logits` is a copy that may be written to. */
export class SabotagedRows extends WrappedSource {
  private readonly spoil: (row: LogitsRow) => LogitsRow;

  constructor(inner: LogitsSource, spoil: (row: LogitsRow) => LogitsRow) {
    super(inner);
    this.spoil = spoil;
  }

  override feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    return this.inner.feed(tokenIds, want, (row) => onRow(this.spoil({ ...row, logits: row.logits.slice() })));
  }
}

/** The original test's own fault: the first token is fed twice, so that all later ones sit one position too far. */
export class FirstTokenTwice extends WrappedSource {
  override async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    if (this.inner.length === 0) await this.inner.feed(tokenIds.subarray(0, 1), { rows: 'none' }, () => undefined);
    await this.inner.feed(tokenIds, want, onRow);
  }
}

/** Hands out each row one position late, as a harness with a stale buffer does. */
export function oneRowLate(): (row: LogitsRow) => LogitsRow {
  let previous: Float32Array | undefined;
  return (row) => {
    const logits = previous ?? row.logits;
    previous = row.logits;
    return { ...row, logits };
  };
}

/** Says that it begins a new sequence, but goes on after the old one: the old keys and values stay in sight. */
export class KeepsItsCache extends WrappedSource {
  private forgotten = 0;

  override get length(): number {
    return this.inner.length - this.forgotten;
  }

  override feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    return this.inner.feed(tokenIds, want, (row) => onRow({ ...row, position: row.position - this.forgotten }));
  }

  override truncate(): Promise<void> {
    this.forgotten = this.inner.length;
    return Promise.resolve();
  }
}
