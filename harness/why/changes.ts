// What attribution changes of a device, one at a time: a knob, a class of operations, a layer; and the reverse, on an exact one.
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import type { Change, WhyOp } from '../record/why-record.ts';
import { WHY_OPS } from '../record/why-record.ts';
import type { DeviceLanes, OpSetting, SettingOf } from './device-lanes.ts';
import { OP_NAMES } from './ops.ts';

export interface PlannedChange extends Pick<Change, 'direction' | 'kind' | 'name' | 'what' | 'knobs'> {
  readonly settingOf: SettingOf;
  /** First layer that it touches; the number of layers for what stands behind them. */
  readonly firstLayer: number;
  /** What two of them would change together: only different ones are paired. */
  readonly ops: readonly WhyOp[];
}

interface KnobChange {
  readonly name: string;
  readonly what: string;
  readonly ops: readonly WhyOp[];
  readonly knobs: Partial<N150Config>;
  /** Weights, or only the bias, come from the exact set. */
  readonly weights?: 'all' | 'bias';
}

const LINEARS: readonly WhyOp[] = ['qkv', 'o', 'gateUp', 'down', 'lmHead'];
/** The longest chunk that a device can have: nothing is merged up to so many keys. */
const LONGEST_CHUNK = 4096;

/** Each knob with its most precise value. */
function knobChanges({ lab }: DeviceLanes, positions: number): readonly KnobChange[] {
  const { config, healthyModel } = lab;
  const chunk = Math.min(LONGEST_CHUNK, Math.ceil(positions / 32) * 32);
  const { sdpaChunk } = config;
  const all: readonly KnobChange[] = [
    { name: 'kvFormat', what: 'KV cache in BF16', ops: ['kvCache'], knobs: { kvFormat: 'BF16' } },
    {
      name: 'biasFormat',
      what: 'bias of q, k and v in BF16',
      ops: ['qkv'],
      knobs: { biasFormat: 'BF16' },
      weights: 'bias',
    },
    { name: 'sdpaExp', what: 'exact exponentials in attention', ops: ['attention'], knobs: { sdpaExp: 'exact' } },
    {
      name: 'sdpaChunk',
      what: 'all keys in one chunk, nothing merged',
      ops: ['attention'],
      knobs: { sdpaChunk: Math.max(chunk, sdpaChunk) },
    },
    {
      name: 'sdpaFidelity',
      what: 'both attention matmuls in HiFi4',
      ops: ['attention'],
      knobs: { sdpaFidelity: 'HiFi4' },
    },
    {
      name: 'scaleBits',
      what: 'host scalars in float32',
      ops: ['norm', 'attention', 'finalNorm'],
      knobs: { scaleBits: 'fp32' },
    },
    { name: 'ropeFidelity', what: 'rotation in HiFi4', ops: ['rotary'], knobs: { ropeFidelity: 'HiFi4' } },
    {
      name: 'fp32DestAcc',
      what: 'linear layers accumulate in float32',
      ops: LINEARS,
      knobs: { fp32DestAcc: true, intermediateFormat: 'auto' },
    },
    { name: 'mathFidelity', what: 'linear layers in HiFi4', ops: LINEARS, knobs: FIDELITIES },
    { name: 'rmsExact', what: 'RMSNorm rounded once', ops: ['norm', 'finalNorm'], knobs: { rmsExact: true } },
    {
      name: 'rmsEps',
      what: 'epsilon of config.json',
      ops: ['norm', 'finalNorm'],
      knobs: { rmsEps: healthyModel.rmsNormEps },
    },
    { name: 'silu', what: 'exact SiLU', ops: ['gatedSilu'], knobs: { silu: 'exact' } },
    {
      name: 'eltwiseRounding',
      what: 'additions rounded to nearest even',
      ops: ['residual', 'qkv'],
      knobs: { eltwiseRounding: 'rtne' },
    },
    {
      name: 'weightFormat',
      what: 'weights of the layers in BF16',
      ops: ['qkv', 'o', 'gateUp', 'down'],
      knobs: { weightFormat: 'BF16', mlpFormat: 'auto' },
      weights: 'all',
    },
    { name: 'lmHeadFormat', what: 'lm_head in BF16', ops: ['lmHead'], knobs: { lmHeadFormat: 'BF16' }, weights: 'all' },
    { name: 'logitsFormat', what: 'logits in BF16', ops: ['lmHead'], knobs: { logitsFormat: 'BF16' } },
    { name: 'skipLayer', what: 'no layer left out', ops: WHY_OPS, knobs: { skipLayer: -1 } },
    {
      name: 'ropePositionOffset',
      what: 'rotated by the position itself',
      ops: ['rotary'],
      knobs: { ropePositionOffset: 0 },
    },
    {
      name: 'demoRotOffByOne',
      what: 'first decode step rotated by its own position',
      ops: ['rotary'],
      knobs: { demoRotOffByOne: false },
    },
  ];
  const isExact = lab.weights.has('exact');
  return all.filter(({ knobs, weights }) => isChange(config, knobs) && (weights === undefined || isExact));
}

const FIDELITIES: Partial<N150Config> = {
  qkvFidelity: 'HiFi4',
  oFidelity: 'HiFi4',
  gateUpFidelity: 'HiFi4',
  downFidelity: 'HiFi4',
  lmHeadFidelity: 'HiFi4',
};

/** In tier fp32 most knobs do nothing; a knob that has that value already changes nothing. */
function isChange(config: N150Config, knobs: Partial<N150Config>): boolean {
  return Object.entries(knobs).some(([name, value]) => config[name as keyof N150Config] !== value);
}

/** Promotions of one knob, of one class of operations, and of one layer. */
export function promotions(lanes: DeviceLanes, positions: number): PlannedChange[] {
  const { lab } = lanes;
  const layers = lab.model.layers;
  const firstLayer = (ops: readonly WhyOp[]): number => (ops.every(isBehindLayers) ? layers : 0);
  const knobs = knobChanges(lanes, positions).map(
    ({ name, what, ops, knobs, weights }): PlannedChange => ({
      direction: 'promotion',
      kind: 'knob',
      name,
      what,
      knobs: knobsText(lab.config, knobs, name),
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
  if (!lab.weights.has('exact')) return classes;
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
  return [
    ...classes,
    format(
      'biasFormat',
      'only the bias of q, k and v as the device stores it',
      (exact) => ({ ...exact, bias: 'device' }),
      ['qkv'],
    ),
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
    what: `${a.what}; ${b.what}`,
    knobs: a.knobs === null || b.knobs === null ? null : `${a.knobs},${b.knobs}`,
    firstLayer: Math.min(a.firstLayer, b.firstLayer),
    ops: [...a.ops, ...b.ops],
    settingOf: (layer, op) => (b.ops.includes(op) && !a.ops.includes(op) ? b : a).settingOf(layer, op),
  };
}

function isBehindLayers(op: WhyOp): boolean {
  return op === 'finalNorm' || op === 'lmHead';
}

function knobsText(config: N150Config, knobs: Partial<N150Config>, name: string): string {
  if (name === 'mathFidelity') return 'mathFidelity=HiFi4';
  return Object.entries(knobs)
    .filter(([knob, value]) => config[knob as keyof N150Config] !== value)
    .map(([knob, value]) => `${knob}=${value}`)
    .join(',');
}
