// A source around another one: all it does is the inner one's until a subclass changes it.
import type { FeedRequest, LogitsSource, RowSink, SourceInfo, TapName } from '../../src/device/logits-source.ts';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';

export class WrappedSource implements LogitsSource {
  protected readonly inner: LogitsSource;

  constructor(inner: LogitsSource) {
    this.inner = inner;
  }

  get info(): SourceInfo {
    return this.inner.info;
  }

  get vocabSize(): number {
    return this.inner.vocabSize;
  }

  get taps(): readonly TapName[] {
    return this.inner.taps;
  }

  get length(): number {
    return this.inner.length;
  }

  positions(prompt: string, user?: number): Int32Array | 'all' {
    return this.inner.positions?.(prompt, user) ?? 'all';
  }

  logitsFormatOf(prompt: string, user?: number): LogitsFormat {
    return this.inner.logitsFormatOf?.(prompt, user) ?? this.inner.info.logitsFormat;
  }

  feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    return this.inner.feed(tokenIds, want, onRow);
  }

  truncate(length: number): Promise<void> {
    return this.inner.truncate(length);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
