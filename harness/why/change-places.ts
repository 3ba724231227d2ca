// Where a change does what it does: in one layer alone, in the best few together, in single heads of the KV cache.
import { copyLastRows, type Rows } from '../../src/device/n150/rows.ts';
import { roundToBf16TiesEven } from '../../src/numerics/bf16.ts';
import type { Change } from '../record/why-record.ts';
import type { ChangeLanes } from './change-lanes.ts';
import type { PlannedChange } from './changes.ts';
import type { DeviceLanes } from './device-lanes.ts';
import { layerTapOf, type WhyTap } from './ops.ts';
import { rowPlaces } from './row-errors.ts';
import { changeOf, NEARLY, shareOf, type Variation } from './shares.ts';

/** Layers that are promoted together, at most: what takes more of them is spread over the model, and said to be. */
const TOGETHER = 4;

/** @param best - of the promotions that reach earlier positions. @param share - of it. */
export async function placesOf(
  runs: ChangeLanes,
  lanes: DeviceLanes,
  { change, past }: Variation,
  share: number,
): Promise<Change[]> {
  const { layers } = lanes.lab.model;
  const inLayers = (where: readonly number[]): Variation => ({ change: changeInLayers(lanes, change, where), past });
  const measured = async (stage: string, variations: readonly Variation[]): Promise<readonly Placed[]> =>
    [...(await runs.measure(stage, variations))].map(([one, measure]) => ({
      change: changeOf(one, [measure], runs.device),
      share: shareOf(one, [measure], runs.device) ?? 0,
    }));
  const single = await measured(
    `${change.name}, layer by layer`,
    Array.from({ length: layers }, (_, layer) => inLayers([layer])),
  );
  const order = single
    .map((one, layer) => ({ layer, share: one.share }))
    .sort((a, b) => b.share - a.share)
    .map(({ layer }) => layer);
  const isOneEnough = single[order[0]!]!.share >= NEARLY * share;
  const counts = Array.from({ length: Math.min(TOGETHER, layers) - 1 }, (_, more) => more + 2);
  const together = isOneEnough ? [] : counts.map((count) => inLayers(order.slice(0, count)));
  const sets = await measured(`${change.name}, layers together`, together);
  const heads = await measured('heads', change.ops.includes('kvCache') ? headsOf(lanes, order[0]!, past) : []);
  return [...single, ...sets, ...heads].map((one) => one.change);
}

interface Placed {
  readonly change: Change;
  readonly share: number;
}

/** Changes that `placesOf` measures at most. */
export function placesAtMost(layers: number, keyValueHeads: number): number {
  return layers + Math.min(TOGETHER, layers) - 1 + 2 * keyValueHeads;
}

function changeInLayers(lanes: DeviceLanes, change: PlannedChange, layers: readonly number[]): PlannedChange {
  const where = [...layers].sort((a, b) => a - b);
  return {
    ...change,
    kind: 'place',
    name: `${change.name} in layer${where.length === 1 ? '' : 's'} ${where.join(', ')}`,
    knobs: null,
    firstLayer: where[0]!,
    settingOf: (layer, op) =>
      (layer !== null && layers.includes(layer) ? change : { settingOf: lanes.own }).settingOf(layer, op),
  };
}

/** Keys or values of one head kept in BF16. */
function headsOf(lanes: DeviceLanes, layer: number, past: Variation['past']): Variation[] {
  const { keyValueHeads, headDim } = lanes.lab.model;
  const heads = Array.from({ length: keyValueHeads }, (_, head) => head);
  return heads.flatMap((head) =>
    (['k', 'v'] as const).map((part): Variation => {
      const name = `${part === 'k' ? 'keys' : 'values'} of layer ${layer} head ${head}`;
      const change: PlannedChange = {
        direction: 'promotion',
        kind: 'place',
        name,
        what: `${name} kept in BF16`,
        knobs: null,
        firstLayer: layer,
        ops: ['kvCache'],
        settingOf: lanes.own,
        watch: () => unpackedHead(layer, part, head * headDim, headDim, keyValueHeads * headDim),
      };
      return { change, past };
    }),
  );
}

/** Puts back what one head's keys or values were before the cache packed them. */
function unpackedHead(
  layer: number,
  part: 'k' | 'v',
  firstColumn: number,
  columns: number,
  width: number,
): (tap: WhyTap, rows: Rows) => void {
  const [given, cached] =
    part === 'k' ? ['self_attn.k_rotated', 'self_attn.k_cached'] : ['self_attn.v_proj.out', 'self_attn.v_cached'];
  let before: Float32Array = new Float32Array(0);
  return (tap, rows) => {
    const place = layerTapOf(tap);
    if (place?.layer !== layer) return;
    if (place.name === given) before = copyLastRows(rows, rowPlaces(rows, width).starts.length, width);
    if (place.name !== cached) return;
    const { values, starts } = rowPlaces(rows, width);
    for (const [row, start] of starts.entries()) {
      for (let i = firstColumn; i < firstColumn + columns; i++) {
        values[start + i] = roundToBf16TiesEven(before[row * width + i]!);
      }
    }
  };
}
