// The values of a recording that attribution works with, each read once: all taps of the last rows, and what earlier positions hand on.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { RecordedPrompt } from '../../src/device/capture/recorded-prompt.ts';
import { tapWidth } from '../../src/device/taps.ts';
import { DeviceError } from '../../src/errors.ts';
import { layerTapOf, type WhyTap } from './ops.ts';

/** What later positions read of earlier ones, and the stream that it is made from. */
const OF_ALL_POSITIONS: ReadonlySet<string> = new Set([
  'self_attn.k_rotated',
  'self_attn.v_proj.out',
  'self_attn.k_cached',
  'self_attn.v_cached',
  'out',
]);

export class RecordedTaps {
  readonly positions: number;
  readonly #recorded: RecordedPrompt;
  readonly #model: ModelConfig;
  readonly #firstOfAll: number;
  readonly #rows: Map<WhyTap, Map<number, Float32Array | undefined>> = new Map();

  /** @param rows - last positions that every tap is read of. */
  constructor(recorded: RecordedPrompt, model: ModelConfig, positions: number, rows: number) {
    this.#recorded = recorded;
    this.#model = model;
    this.positions = positions;
    this.#firstOfAll = positions - rows;
  }

  /**
   * [width] of a tap, [V] of the logits; undefined where nothing is recorded, or nothing is read of so early a position.
   *
   * @throws DeviceError SOURCE_CONTRACT for a tap of another model.
   */
  row(tap: WhyTap, position: number): Float32Array | undefined {
    if (position < this.#firstOfAll && !isOfAllPositions(tap)) return undefined;
    const known = this.#rows.get(tap) ?? new Map<number, Float32Array | undefined>();
    this.#rows.set(tap, known);
    if (!known.has(position)) known.set(position, this.#read(tap, position));
    return known.get(position);
  }

  /** At the token; `everywhere`: at each position up to it. */
  has(tap: WhyTap, everywhere = false): boolean {
    if (!everywhere) return this.row(tap, this.positions - 1) !== undefined;
    if (!isOfAllPositions(tap)) return false;
    for (let position = 0; position < this.positions; position++) {
      if (this.row(tap, position) === undefined) return false;
    }
    return true;
  }

  /** [P, width] of a tap that is recorded everywhere. */
  all(tap: WhyTap): Float32Array {
    const width = this.#widthOf(tap);
    const values = new Float32Array(this.positions * width);
    for (let position = 0; position < this.positions; position++)
      values.set(this.row(tap, position)!, position * width);
    return values;
  }

  #read(tap: WhyTap, position: number): Float32Array | undefined {
    const row = this.#recorded.rowAt(position);
    if (row === undefined) return undefined;
    const width = this.#widthOf(tap);
    if (tap === 'logits') return this.#recorded.readLogits(row).subarray(0, width);
    const values = this.#recorded.readTap(tap, row);
    if (values === undefined || values.length === width) return values;
    throw new DeviceError(`prompt "${this.#recorded.name}": a recorded tap is of another model.`, {
      code: 'SOURCE_CONTRACT',
      facts: { tap, recorded: `${values.length} values a row`, wanted: `${width}` },
      hint: 'name the checkpoint that was recorded with --weights, or record the tap as docs/recordings.md says.',
    });
  }

  #widthOf(tap: WhyTap): number {
    return tap === 'logits' ? this.#model.vocabSize : tapWidth(tap, this.#model);
  }
}

function isOfAllPositions(tap: WhyTap): boolean {
  return tap === 'embed_tokens.out' || OF_ALL_POSITIONS.has(layerTapOf(tap)?.name ?? '');
}
