// Rows of a case kept in memory, and a source that hands them out again as the side that they are said to be of.
import type { FeedRequest, LogitsRow, LogitsSource, RowSink, SourceInfo } from '../../src/device/logits-source.ts';

/** A sequence with its rows. */
export interface StoredSequence {
  readonly prompt: string;
  readonly user: number;
  readonly promptLength: number;
  /** Every token fed, prompt first. */
  readonly tokenIds: Int32Array;
  /** By position; a recording may lack some. */
  readonly rows: ReadonlyMap<number, Float32Array>;
}

/** All rows of one side. */
export interface StoredRows {
  readonly info: SourceInfo;
  readonly vocabSize: number;
  readonly sequences: readonly StoredSequence[];
}

/** Where a row stands, as what changes it may want to know. */
export interface RowPlace {
  readonly sequence: StoredSequence;
  /** Among the sequences of the case. */
  readonly index: number;
  readonly position: number;
}

/** The row of a place, not to be written to; undefined where none was kept. */
export type RowChoice = (place: RowPlace) => Float32Array | undefined;

export const ownRow: RowChoice = ({ sequence, position }) => sequence.rows.get(position);

/** Hands out the rows of `stored`, or those that `choose` names, as a source of `info`. */
export class StoredSource implements LogitsSource {
  readonly info: SourceInfo;
  readonly vocabSize: number;
  readonly taps: readonly never[] = [];
  readonly #stored: StoredRows;
  readonly #choose: RowChoice;
  #length = 0;
  #sequence: StoredSequence | undefined;

  constructor(stored: StoredRows, info: SourceInfo = stored.info, choose: RowChoice = ownRow) {
    this.info = info;
    this.vocabSize = stored.vocabSize;
    this.#stored = stored;
    this.#choose = choose;
  }

  get length(): number {
    return this.#length;
  }

  async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    const { sequences } = this.#stored;
    if (this.#length === 0) {
      this.#sequence = sequences.find(({ prompt, user }) => prompt === want.prompt && user === (want.user ?? 0));
    }
    const sequence = this.#sequence;
    if (sequence === undefined) throw new Error(`no rows of prompt ${want.prompt} are kept`);
    for (const [i, tokenId] of tokenIds.entries()) {
      const position = this.#length++;
      if (want.rows === 'none' || (want.rows === 'last' && i < tokenIds.length - 1)) continue;
      const chosen = this.#choose({ sequence, index: sequences.indexOf(sequence), position });
      // What a fault writes must not stay; what is not judged needs no values.
      const logits = chosen?.slice() ?? new Float32Array(this.vocabSize);
      await onRow({ position, tokenId, logits, taps: new Map() } satisfies LogitsRow);
    }
  }

  async truncate(length: number): Promise<void> {
    this.#length = length;
  }

  async close(): Promise<void> {}
}
