// The contract of everything that turns token ids into logits: reference, N150 model, recording, live process.
import type { LogitsFormat } from '../numerics/logits-format.ts';
import type { TapName } from './taps.ts';

export type { TapName } from './taps.ts';

/** What produced a side's rows; printed in every report. */
export interface SourceInfo {
  readonly kind: 'reference' | 'golden-file' | 'n150-model' | 'capture' | 'process';
  /** One line for people, e.g. `N150 device model, tier fast, recipe demo-2024, grid 8x8`. */
  readonly label: string;
  /** Folder or file name without its directory. */
  readonly model: string;
  /** sha256 over the weight files (hex), or of the recording. */
  readonly weightsSha256: string;
  /** sha256 over config.json and generation_config.json (hex); a recording has none. */
  readonly configSha256?: string;
  /** dtype per tensor role, for people, e.g. `{ weights: 'BFP8_B', kvCache: 'BFP8_B', logits: 'BFP8_B' }`. */
  readonly dtypes: Readonly<Record<string, string>>;
  /** What its rows are rounded to; of several, the finest. Decides how near two logits have to be to count as a tie. */
  readonly logitsFormat: LogitsFormat;
  /** Versions and settings worth recording: `onnxruntime`, `tier`, `recipe`, every knob. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** What a reader of the verdict has to know about these rows, a sentence each; printed with it. */
  readonly notes?: readonly string[];
}

/** One position's logits with the context that the source really consumed. */
export interface LogitsRow {
  /** Token position, 0-based in the whole sequence. */
  readonly position: number;
  /** Token id consumed at that position. */
  readonly tokenId: number;
  /** [V] float32; valid only until the sink returns (or its promise settles). */
  readonly logits: Float32Array;
  /** Of the taps asked for those that the source has, each as wide as taps.ts says; same life time as `logits`. */
  readonly taps: ReadonlyMap<TapName, Float32Array>;
}

export type RowSink = (row: LogitsRow) => void | Promise<void>;

export interface FeedRequest {
  readonly rows: 'all' | 'last' | 'none';
  readonly taps?: readonly TapName[];
  /** Name of the prompt of the sequence that begins at `truncate(0)`: a recording hands out the rows of that prompt. */
  readonly prompt?: string;
  /** Row of a batch, 0-based; 0 for a prompt that is run alone. */
  readonly user?: number;
  /** Tokens of the prompt, where known: the next position is the first decode step, which a device may treat otherwise. */
  readonly promptLength?: number;
  /** A source that works long may give up between two layers; the sequence is then good for `truncate(0)` only. */
  readonly signal?: AbortSignal;
  /** Told by a source that works long, after each layer of a pass. */
  readonly onLayer?: (done: number, layers: number) => void;
}

export interface LogitsSource {
  readonly info: SourceInfo;
  /**
   * V: the columns of the lm_head, config.json's `vocab_size`. All of them are compared, those included that no token has: of
   * Qwen2-7B's 152,064 the tokenizer knows 151,646; the other 418 (0.27 %) are columns of the lm_head like any.
   */
  readonly vocabSize: number;
  /** The taps that can be asked for. */
  readonly taps: readonly TapName[];
  /** Positions fed so far. */
  readonly length: number;
  /**
   * The positions of a prompt that have a row; `all` (and a source without this method) where every position has one. Others are
   * fed like any, but no row of theirs is handed out.
   */
  positions?(prompt: string, user?: number): Int32Array | 'all';
  /** What the rows of a prompt are rounded to; `info.logitsFormat` without this method. */
  logitsFormatOf?(prompt: string, user?: number): LogitsFormat;
  /**
   * Appends tokenIds at the next positions and hands out the wanted rows in order of position; a recording leaves out the rows
   * that it does not have, or refuses. After a failure the sequence is good for `truncate(0)` only.
   */
  feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void>;
  /**
   * Another sequence of the same model, empty; without this method there is only one. Each is fed and truncated by itself, and feeds of
   * several that are under way at the same time may share a pass over the weights: no bit of a row depends on it. It is good until this
   * source is closed; closing it gives back what it holds alone.
   */
  sequence?(): LogitsSource;
  /** Forgets positions >= length, 0 … `this.length`; 0 begins a new sequence. */
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}
