// What attribution changes of a device, one at a time: a knob, a class of operations, a layer; and the reverse, on an exact one.
import type { Rows } from '../../src/device/n150/rows.ts';
import type { Change, WhyOp } from '../record/why-record.ts';
import { WHY_OPS } from '../record/why-record.ts';
import type { DeviceLanes, OpSetting, SettingOf } from './device-lanes.ts';
import { knobChanges, knobsText } from './knob-changes.ts';
import { OP_NAMES, type WhyTap } from './ops.ts';

export interface PlannedChange extends Pick<Change, 'direction' | 'kind' | 'name' | 'what' | 'knobs'> {
  readonly settingOf: SettingOf;
  /** First layer that it touches; the number of layers for what stands behind them. */
  readonly firstLayer: number;
  /** What two of them would change together: only different ones are paired. */
  readonly ops: readonly WhyOp[];
  /** What a lane does with its taps beyond its setting. */
  readonly watch?: () => (tap: WhyTap, rows: Rows) => void;
}

/** Promotions of one knob, of one class of operations, and of one layer. */
export function promotions(lanes: DeviceLanes, positions: number): PlannedChange[] {
  const { lab } = lanes;
  const layers = lab.model.layers;
  const firstLayer = (ops: readonly WhyOp[]): number => (ops.every(isBehindLayers) ? layers : 0);
  const knobs = knobChanges(lab, positions).map(
    ({ name, what, ops, knobs, weights }): PlannedChange => ({
      direction: 'promotion',
      kind: 'knob',
      name,
      what,
      knobs: knobsText(lab.config, { name, knobs }),
      firstLayer: firstLayer(ops),
      ops,
      settingOf: (layer, op) => {
        const own = lanes.own(layer, op);
        if (!ops.includes(op)) return own;
        const config = lanes.withKnobs(own.config, knobs);
        if (weights === 'all') return { ...own, config, weights: 'exact' };
        return weights === 'bias' ? { ...own, config, bias: 'exact' } : { ...own, config };
      },
    }),
  );
  const classes = WHY_OPS.map(
    (promoted): PlannedChange => ({
      direction: 'promotion',
      kind: 'opClass',
      name: promoted,
      what: `${OP_NAMES[promoted]} at reference precision, with the reference's weights`,
      knobs: null,
      firstLayer: firstLayer([promoted]),
      ops: [promoted],
      settingOf: (layer, op) => (op === promoted ? lanes.exact(layer, op) : lanes.own(layer, op)),
    }),
  );
  const oneLayer = Array.from(
    { length: layers },
    (_, promoted): PlannedChange => ({
      direction: 'promotion',
      kind: 'layer',
      name: `layer ${promoted}`,
      what: `everything in layer ${promoted} at reference precision`,
      knobs: null,
      firstLayer: promoted,
      ops: WHY_OPS,
      settingOf: (layer, op) => (layer === promoted ? lanes.exact(layer, op) : lanes.own(layer, op)),
    }),
  );
  return [...knobs, ...classes, ...oneLayer];
}

/** One class of operations, or one format, as the device has it, everything else exact. */
export function demotions(lanes: DeviceLanes): PlannedChange[] {
  const { lab } = lanes;
  const firstLayer = (op: WhyOp): number => (isBehindLayers(op) ? lab.model.layers : 0);
  const classes = WHY_OPS.map(
    (demoted): PlannedChange => ({
      direction: 'demotion',
      kind: 'opClass',
      name: demoted,
      what: `only ${OP_NAMES[demoted]} as the device has it`,
      knobs: null,
      firstLayer: firstLayer(demoted),
      ops: [demoted],
      settingOf: (layer, op) => (op === demoted ? lanes.own(layer, op) : lanes.exact(layer, op)),
    }),
  );
  const format = (
    name: string,
    what: string,
    change: (exact: OpSetting) => OpSetting,
    ops: readonly WhyOp[],
  ): PlannedChange => ({
    direction: 'demotion',
    kind: 'knob',
    name,
    what,
    knobs: null,
    firstLayer: 0,
    ops,
    settingOf: (layer, op) => (ops.includes(op) ? change(lanes.exact(layer, op)) : lanes.exact(layer, op)),
  });
  const bias = format(
    'biasFormat',
    'only the bias of q, k and v as the device stores it',
    (exact) => ({ ...exact, bias: 'device' }),
    ['qkv'],
  );
  if (lab.plan.exact === 'none') return [...classes, bias];
  return [
    ...classes,
    bias,
    format('weightFormat', 'only the weights as the device stores them', (exact) => ({ ...exact, weights: 'device' }), [
      'qkv',
      'o',
      'gateUp',
      'down',
    ]),
  ];
}

/** Two promotions at once: where both change an operation, the second one's change stands on the first one's. */
export function pairOf(a: PlannedChange, b: PlannedChange): PlannedChange {
  return {
    direction: 'promotion',
    kind: 'pair',
    name: `${a.name} + ${b.name}`,
    what: `${a.what} together with ${b.what}`,
    knobs: a.knobs === null || b.knobs === null ? null : `${a.knobs},${b.knobs}`,
    firstLayer: Math.min(a.firstLayer, b.firstLayer),
    ops: [...a.ops, ...b.ops],
    settingOf: (layer, op) => (b.ops.includes(op) && !a.ops.includes(op) ? b : a).settingOf(layer, op),
  };
}

/** Whether an operation's result reaches no other position. */
export function isBehindLayers(op: WhyOp): boolean {
  return op === 'finalNorm' || op === 'lmHead';
}
