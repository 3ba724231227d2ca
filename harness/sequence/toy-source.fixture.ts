// A LogitsSource of integer arithmetic for tests of the run loop: each row depends on the whole context before it.
import type {
  FeedRequest,
  LogitsRow,
  LogitsSource,
  RowSink,
  SourceInfo,
  TapName,
} from '../../src/device/logits-source.ts';
import type { SequenceRequest } from './sequence.ts';

/** Ten tokens and nine more, in chunks of four. */
export const TOY_REQUEST: SequenceRequest = {
  prompt: 'toy',
  promptIds: Int32Array.from({ length: 10 }, (_, i) => (i * 7) % 50),
  maxNewTokens: 9,
  maxSeqLen: 4096,
  eosTokenIds: [],
  chunkPositions: 4,
};

/** Changes a row before it is handed out; `logits` is a copy that may be written to. */
export type RowChange = (row: { position: number; tokenId: number; logits: Float32Array }) => {
  position: number;
  tokenId: number;
  logits: Float32Array;
};

/** [V] logits in (-8, 8) from a hash of all tokens up to and with this position. */
export class ToySource implements LogitsSource {
  readonly info: SourceInfo;
  readonly vocabSize: number;
  readonly taps: readonly TapName[] = ['norm.out'];
  /** Lengths of all feeds so far, for assertions on chunking. */
  readonly feeds: number[] = [];
  readonly #context: number[] = [];
  readonly #change: RowChange;

  constructor(vocabSize: number, change: RowChange = (row) => row) {
    this.vocabSize = vocabSize;
    this.#change = change;
    this.info = {
      kind: 'process',
      label: 'toy source',
      model: 'toy',
      weightsSha256: '0',
      dtypes: {},
      logitsFormat: 'F32',
      settings: {},
    };
  }

  get length(): number {
    return this.#context.length;
  }

  async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    this.feeds.push(tokenIds.length);
    for (const [i, tokenId] of tokenIds.entries()) {
      const position = this.#context.length;
      this.#context.push(tokenId);
      if (want.rows === 'none' || (want.rows === 'last' && i < tokenIds.length - 1)) continue;
      const row = this.#change({ position, tokenId, logits: this.#row() });
      const taps = new Map<TapName, Float32Array>((want.taps ?? []).map((name) => [name, Float32Array.of(position)]));
      await onRow({ ...row, taps } satisfies LogitsRow);
    }
  }

  /** Of the same vocabulary and errors. */
  sequence(): ToySource {
    return new ToySource(this.vocabSize, this.#change);
  }

  async truncate(length: number): Promise<void> {
    this.#context.length = Math.min(length, this.#context.length);
  }

  async close(): Promise<void> {}

  #row(): Float32Array {
    let state = 0x811c_9dc5;
    for (const id of this.#context) state = Math.imul(state ^ id, 0x0100_0193);
    const logits = new Float32Array(this.vocabSize);
    for (let i = 0; i < this.vocabSize; i++) {
      state = Math.imul(state ^ (state >>> 15) ^ i, 0x2c1b_3c6d) + 0x9e37_79b9;
      logits[i] = (state >> 8) / 0x10_0000;
    }
    return logits;
  }
}
