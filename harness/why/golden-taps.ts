// What the reference makes of a context: every tap of its last rows, and keys and values of all.
import type { LogitsSource, TapName } from '../../src/device/logits-source.ts';
import type { KvRows } from '../../src/device/n150/lanes/lane.ts';
import { allTaps, layerTap } from '../../src/device/taps.ts';
import { CHUNK_POSITIONS } from '../sequence/sequence.ts';
import { blame, requireContext, requireRows } from '../sequence/sides.ts';
import { layerTapOf, type WhyTap } from './ops.ts';

export interface GoldenTaps {
  /** Rows that have every tap: the last ones of the context. */
  readonly rows: number;
  /** [rows, width] of a tap, [rows, V] of the logits. */
  get(tap: WhyTap): Float32Array;
  /** Of all positions: [P, K * D]. */
  kv(layer: number): KvRows;
}

export interface GoldenRequest {
  readonly tokenIds: Int32Array;
  readonly promptLength: number;
  readonly prompt: string;
  readonly user: number;
}

/** @param rows - at most as many as there are positions. */
export async function goldenTaps(
  reference: LogitsSource,
  layers: number,
  rows: number,
  { tokenIds, promptLength, prompt, user }: GoldenRequest,
): Promise<GoldenTaps> {
  const last = tokenIds.length - 1;
  const first = tokenIds.length - rows;
  const everywhere = new Set<TapName>(
    Array.from({ length: layers }, (_, layer) => [
      layerTap(layer, 'self_attn.k_cached'),
      layerTap(layer, 'self_attn.v_cached'),
    ]).flat(),
  );
  const taps = allTaps(layers);
  const parts = new Map<WhyTap, Float32Array[]>([...taps, 'logits' as const].map((tap) => [tap, []]));
  await blame('reference', async () => {
    await reference.truncate(0);
    for (let from = 0; from < tokenIds.length; from += CHUNK_POSITIONS) {
      const chunk = tokenIds.subarray(from, from + CHUNK_POSITIONS);
      await reference.feed(chunk, { rows: 'all', taps, promptLength, prompt, user }, (row) => {
        requireContext('golden', row, row.position, tokenIds[row.position], prompt);
        for (const [tap, values] of row.taps) {
          if (row.position >= first || everywhere.has(tap)) parts.get(tap)!.push(values.slice());
        }
        if (row.position >= first) parts.get('logits')!.push(row.logits.slice());
      });
    }
  });
  if (parts.get('logits')!.length !== rows) requireRows('golden', Int32Array.of(last), prompt);
  const joined = new Map([...parts].map(([tap, pieces]) => [tap, join(pieces)] as const));
  return {
    rows,
    get(tap) {
      const values = joined.get(tap)!;
      return isOfAll(tap) ? values.subarray((first / tokenIds.length) * values.length) : values;
    },
    kv: (layer) => ({
      keys: joined.get(layerTap(layer, 'self_attn.k_cached'))!,
      values: joined.get(layerTap(layer, 'self_attn.v_cached'))!,
    }),
  };
}

function isOfAll(tap: WhyTap): boolean {
  return layerTapOf(tap)?.name.endsWith('_cached') === true;
}

function join(pieces: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let start = 0;
  for (const piece of pieces) {
    whole.set(piece, start);
    start += piece.length;
  }
  return whole;
}
