// Which cached keys and values carry a token's error: the device's, of one layer or head, replaced by the reference's.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { KvRows } from '../../src/device/n150/lanes/lane.ts';
import { copyLastRows, type Rows } from '../../src/device/n150/rows.ts';
import type { Carrier } from '../record/why-record.ts';
import type { LaneOptions } from './device-lanes.ts';
import type { Experiment } from './experiment.ts';
import { layerTapOf, type WhyTap } from './ops.ts';

/** Layers whose heads are looked at one by one. */
const CLOSER_LAYERS = 3;

/** Bits below a block's or a value's leading one. */
const [BFP8_B_STEP_BITS, BF16_STEP_BITS] = [6, 7];

/** Lanes of the token's row alone that this runs. */
export function carrierLanes({ layers, keyValueHeads }: ModelConfig): number {
  return layers + Math.min(CLOSER_LAYERS, layers) * 2 * keyValueHeads;
}

type Part = Carrier['part'];

interface Replacement {
  readonly layer: number;
  readonly head: number | null;
  readonly part: Part;
}

/** Of each layer as a whole, then of each head of the layers that matter most, keys and values apart; best first. */
export async function carriersOf(experiment: Experiment): Promise<Carrier[]> {
  const { model } = experiment.lanes.lab;
  const whole = Array.from({ length: model.layers }, (_, layer): Replacement => ({ layer, head: null, part: 'both' }));
  const coarse = await measured(experiment, whole);
  const closest = [...coarse].sort(byShare).slice(0, CLOSER_LAYERS);
  const closer = closest.flatMap(({ layer }) =>
    Array.from({ length: model.keyValueHeads }, (_, head) => [
      { layer, head, part: 'keys' as const },
      { layer, head, part: 'values' as const },
    ]).flat(),
  );
  return [...coarse, ...(await measured(experiment, closer))].sort(byShare);
}

function byShare(a: Carrier, b: Carrier): number {
  return (b.share ?? Number.NEGATIVE_INFINITY) - (a.share ?? Number.NEGATIVE_INFINITY);
}

async function measured(experiment: Experiment, replacements: readonly Replacement[]): Promise<Carrier[]> {
  const measures = await experiment.measure(
    'keys and values',
    replacements.map((replacement) => ({
      settingOf: experiment.lanes.own,
      lane: laneOptions(experiment, replacement),
    })),
  );
  return replacements.map((replacement, i) => ({
    ...replacement,
    measure: measures[i]!,
    share: experiment.healedShare(measures[i]!),
    keyBias: keyBiasOf(experiment, replacement),
  }));
}

/** The token's row alone, over the device's keys and values with some of them replaced; its own row's too. */
function laneOptions({ past: { cache }, golden, lanes }: Experiment, replacement: Replacement): LaneOptions {
  const { layer: replaced, head, part } = replacement;
  const { keyValueHeads, headDim } = lanes.lab.model;
  const width = keyValueHeads * headDim;
  const columns = head === null ? ([0, width] as const) : ([head * headDim, (head + 1) * headDim] as const);
  const mixed = (own: Float32Array, reference: Float32Array, isReplaced: boolean): Float32Array => {
    const rows = own.slice();
    if (!isReplaced) return rows;
    for (let start = 0; start < rows.length; start += width) {
      for (let i = start + columns[0]; i < start + columns[1]; i++) rows[i] = reference[i]!;
    }
    return rows;
  };
  return {
    rows: 1,
    past(layer): KvRows {
      const own = cache.cached(layer);
      if (layer !== replaced) return own;
      const reference = golden.kv(layer);
      return {
        keys: mixed(own.keys, reference.keys, part !== 'values'),
        values: mixed(own.values, reference.values, part !== 'keys'),
      };
    },
    onTap(tap: WhyTap, rows: Rows): void {
      const place = layerTapOf(tap);
      if (place?.layer !== replaced) return;
      const which =
        place.name === 'self_attn.k_cached' ? 'keys' : place.name === 'self_attn.v_cached' ? 'values' : undefined;
      if (which === undefined || (part !== 'both' && part !== which)) return;
      const own = copyLastRows(rows, 1, width);
      const row = mixed(own, golden.kv(replaced)[which].slice(-width), true);
      const { values, start } = rows instanceof Float32Array ? { values: rows, start: 0 } : rows;
      values.set(row, start);
    },
  };
}

/** Of the layer's keys (of one head): the largest entry of their bias, and the cache's step for a block that has it. */
function keyBiasOf(experiment: Experiment, { layer, head, part }: Replacement): Carrier['keyBias'] {
  if (part === 'values') return null;
  const { lab } = experiment.lanes;
  const { queryHeads, keyValueHeads, headDim } = lab.model;
  const set = lab.weights.get('exact')!;
  const { qkvBias: bias } = set.vectorsOf(layer);
  const first = (queryHeads + (head ?? 0)) * headDim;
  const keys = bias.subarray(first, head === null ? (queryHeads + keyValueHeads) * headDim : first + headDim);
  const largest = keys.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const bits = lab.config.kvFormat === 'BFP8_B' ? BFP8_B_STEP_BITS : BF16_STEP_BITS;
  return { largest, step: largest === 0 ? 0 : 2 ** (Math.floor(Math.log2(largest)) - bits) };
}
