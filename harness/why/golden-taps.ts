// What the reference makes of a context: every tap of its last rows, some layers at a time; keys, values and stream of all positions.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { FeedRequest, LogitsRow, LogitsSource, TapName } from '../../src/device/logits-source.ts';
import type { KvRows } from '../../src/device/n150/lanes/lane.ts';
import { allTaps, layerTap, tapWidth } from '../../src/device/taps.ts';
import { CHUNK_POSITIONS } from '../sequence/sequence.ts';
import { blame, requireContext, requireRows } from '../sequence/sides.ts';
import { layerTapOf, type WhyTap } from './ops.ts';

export interface GoldenRequest {
  readonly tokenIds: Int32Array;
  readonly promptLength: number;
  readonly prompt: string;
  readonly user: number;
}

export interface GoldenOptions {
  readonly model: ModelConfig;
  /** Last rows that have every tap; at most as many as there are positions. */
  readonly rows: number;
  /** Whether the residual stream of all positions is kept. */
  readonly keepsStream: boolean;
  /** Layers whose taps may be there at once (`layersAtOnce`). */
  readonly layersAtOnce: number;
}

const FLOAT32_BYTES = 4;

/** Of one layer, a row each. */
export function layerTapBytes(model: ModelConfig, rows: number): number {
  const ofLayer = allTaps(1).filter((tap) => layerTapOf(tap) !== undefined);
  return FLOAT32_BYTES * rows * ofLayer.reduce((sum, tap) => sum + tapWidth(tap, model), 0);
}

/** Layers whose taps fit into some bytes; one in any case. Each further group of layers takes the reference one more pass over the last rows. */
export function layersAtOnce(model: ModelConfig, rows: number, roomBytes: number): number {
  return Math.min(model.layers, Math.max(1, Math.floor(roomBytes / layerTapBytes(model, rows))));
}

export class GoldenTaps {
  readonly #reference: LogitsSource;
  readonly #request: GoldenRequest;
  readonly #options: GoldenOptions;
  /** [P, width]. */
  readonly #everywhere: Map<TapName, Float32Array> = new Map();
  /** [rows, width] of the layers that are there, and of what stands outside of them. */
  readonly #last: Map<WhyTap, Float32Array> = new Map();
  #firstLayer = 0;

  private constructor(reference: LogitsSource, request: GoldenRequest, options: GoldenOptions) {
    this.#reference = reference;
    this.#request = request;
    this.#options = options;
  }

  /** The first layers' taps are there. @throws what the reference throws, and ComparisonInvalidError where it took other tokens. */
  static async open(reference: LogitsSource, request: GoldenRequest, options: GoldenOptions): Promise<GoldenTaps> {
    const golden = new GoldenTaps(reference, request, options);
    const { model, keepsStream } = options;
    const positions = request.tokenIds.length;
    const kept = allTaps(model.layers).filter((tap) => {
      const name = layerTapOf(tap)?.name;
      if (name === 'self_attn.k_cached' || name === 'self_attn.v_cached') return true;
      return keepsStream && (tap === 'embed_tokens.out' || name === 'out');
    });
    for (const tap of kept) golden.#everywhere.set(tap, new Float32Array(positions * tapWidth(tap, model)));
    await blame('reference', async () => {
      await reference.truncate(0);
      for (let from = 0; from < golden.#first; from += CHUNK_POSITIONS) {
        const end = Math.min(from + CHUNK_POSITIONS, golden.#first);
        await golden.#feed(from, end, kept, (row) => golden.#keepEverywhere(row));
      }
    });
    await golden.#loadFrom(0);
    return golden;
  }

  get rows(): number {
    return this.#options.rows;
  }

  /** [rows, width] of a tap, [rows, V] of the logits; of a layer that is there. */
  get(tap: WhyTap): Float32Array {
    const last = this.#last.get(tap);
    if (last !== undefined) return last;
    const all = this.#everywhere.get(tap as TapName)!;
    return all.subarray((this.#first / this.#request.tokenIds.length) * all.length);
  }

  /** Of all positions: [P, K * D]. */
  kv(layer: number): KvRows {
    return {
      keys: this.#everywhere.get(layerTap(layer, 'self_attn.k_cached'))!,
      values: this.#everywhere.get(layerTap(layer, 'self_attn.v_cached'))!,
    };
  }

  /** Before a layer, of all positions: [P, H]. */
  stream(layer: number): Float32Array {
    return this.#everywhere.get(layer === 0 ? 'embed_tokens.out' : layerTap(layer - 1, 'out'))!;
  }

  /** Makes sure that a layer's taps are there; others may go. */
  async load(layer: number): Promise<void> {
    if (layer >= this.#firstLayer && layer < this.#firstLayer + this.#options.layersAtOnce) return;
    await this.#loadFrom(layer);
  }

  get #first(): number {
    return this.#request.tokenIds.length - this.#options.rows;
  }

  async #loadFrom(layer: number): Promise<void> {
    const { model, rows } = this.#options;
    const { tokenIds, prompt } = this.#request;
    for (const tap of [...this.#last.keys()]) if (layerTapOf(tap) !== undefined) this.#last.delete(tap);
    this.#firstLayer = layer;
    const isThere = (tap: TapName): boolean => {
      const place = layerTapOf(tap);
      return place === undefined || (place.layer >= layer && place.layer < layer + this.#options.layersAtOnce);
    };
    const taps = allTaps(model.layers).filter((tap) => isThere(tap) || this.#everywhere.has(tap));
    const owned = taps.filter((tap) => !this.#everywhere.has(tap));
    for (const tap of owned) this.#last.set(tap, new Float32Array(rows * tapWidth(tap, model)));
    const logits = new Float32Array(rows * model.vocabSize);
    this.#last.set('logits', logits);
    let seen = 0;
    await blame('reference', async () => {
      await this.#reference.truncate(this.#first);
      await this.#feed(this.#first, tokenIds.length, taps, (row) => {
        const at = row.position - this.#first;
        this.#keepEverywhere(row);
        for (const tap of owned) this.#last.get(tap)!.set(row.taps.get(tap)!, at * tapWidth(tap, model));
        logits.set(row.logits, at * model.vocabSize);
        seen++;
      });
    });
    if (seen !== rows) requireRows('golden', Int32Array.of(tokenIds.length - 1), prompt);
  }

  #keepEverywhere({ position, taps }: LogitsRow): void {
    for (const [tap, all] of this.#everywhere) all.set(taps.get(tap)!, position * tapWidth(tap, this.#options.model));
  }

  async #feed(first: number, end: number, taps: readonly TapName[], onRow: (row: LogitsRow) => void): Promise<void> {
    const { tokenIds, promptLength, prompt, user } = this.#request;
    const want: FeedRequest = { rows: 'all', taps, promptLength, prompt, user };
    await this.#reference.feed(tokenIds.subarray(first, end), want, (row) => {
      requireContext('golden', row, row.position, tokenIds[row.position], prompt);
      onRow(row);
    });
  }
}
