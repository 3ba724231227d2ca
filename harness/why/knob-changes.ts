// The knobs that attribution promotes: each with its most precise value, the operations that it belongs to, and what it costs on the card.
// Source of the costs: sizes of the formats (n150-numerics A.5), passes of the matrix unit (B.2), Dst (B.4).
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import { WHY_OPS, type WhyOp } from '../record/why-record.ts';
import type { Lab } from '../sources/open-lab.ts';

export interface KnobChange {
  /** The knob, or an alias of several. */
  readonly name: string;
  readonly what: string;
  readonly ops: readonly WhyOp[];
  readonly knobs: Partial<N150Config> | ((lab: Lab, positions: number) => Partial<N150Config>);
  /** Weights, or only the bias, come from the exact set: packed ones cannot be turned into others. */
  readonly weights?: 'all' | 'bias';
  readonly cost?: string;
}

const LINEARS: readonly WhyOp[] = ['qkv', 'o', 'gateUp', 'down', 'lmHead'];
const HIFI4 = 'HiFi4 takes four passes of the matrix unit where HiFi2 takes two';
/** The longest chunk that a device can have: nothing is merged up to so many keys. */
const LONGEST_CHUNK = 4096;
const CHUNK_STEP = 32;

const KNOB_CHANGES: readonly KnobChange[] = [
  {
    name: 'kvFormat',
    what: 'a KV cache in BF16',
    ops: ['kvCache'],
    knobs: { kvFormat: 'BF16' },
    cost: 'a KV cache in BF16 takes 1.88 times the memory of one in BFP8_B, and reads of it as much more',
  },
  {
    name: 'biasFormat',
    what: 'a bias of q, k and v in BF16',
    ops: ['qkv'],
    knobs: { biasFormat: 'BF16' },
    weights: 'bias',
    cost: 'a bias in BF16 takes kilobytes',
  },
  { name: 'sdpaExp', what: 'exact exponentials in attention', ops: ['attention'], knobs: { sdpaExp: 'exact' } },
  {
    name: 'sdpaChunk',
    what: 'all keys in one chunk, nothing merged,',
    ops: ['attention'],
    knobs: ({ config }, positions) => {
      const chunk = Math.min(LONGEST_CHUNK, Math.ceil(positions / CHUNK_STEP) * CHUNK_STEP);
      return { sdpaChunk: Math.max(chunk, config.sdpaChunk) };
    },
  },
  {
    name: 'sdpaFidelity',
    what: 'HiFi4 in both matmuls of attention',
    ops: ['attention'],
    knobs: { sdpaFidelity: 'HiFi4' },
    cost: HIFI4,
  },
  {
    name: 'scaleBits',
    what: 'float32 in the place of bfloat16 for host scalars',
    ops: ['norm', 'attention', 'finalNorm'],
    knobs: { scaleBits: 'fp32' },
  },
  {
    name: 'ropeFidelity',
    what: 'HiFi4 in the rotation',
    ops: ['rotary'],
    knobs: { ropeFidelity: 'HiFi4' },
    cost: HIFI4,
  },
  {
    name: 'fp32DestAcc',
    what: 'accumulation in float32 in the linear layers',
    ops: LINEARS,
    knobs: { fp32DestAcc: true, intermediateFormat: 'auto' },
    cost: 'a 32-bit Dst holds half as many tiles',
  },
  {
    name: 'mathFidelity',
    what: 'HiFi4 in the linear layers',
    ops: LINEARS,
    knobs: {
      qkvFidelity: 'HiFi4',
      oFidelity: 'HiFi4',
      gateUpFidelity: 'HiFi4',
      downFidelity: 'HiFi4',
      lmHeadFidelity: 'HiFi4',
    },
    cost: HIFI4,
  },
  { name: 'rmsExact', what: 'an RMSNorm that rounds once', ops: ['norm', 'finalNorm'], knobs: { rmsExact: true } },
  {
    name: 'rmsEps',
    what: 'the epsilon of config.json',
    ops: ['norm', 'finalNorm'],
    knobs: ({ healthyModel }) => ({ rmsEps: healthyModel.rmsNormEps }),
    cost: 'it costs nothing',
  },
  { name: 'silu', what: 'an exact SiLU', ops: ['gatedSilu'], knobs: { silu: 'exact' } },
  {
    name: 'eltwiseRounding',
    what: 'rounding to nearest even in additions',
    ops: ['residual', 'qkv'],
    knobs: { eltwiseRounding: 'rtne' },
  },
  {
    name: 'weightFormat',
    what: 'weights of the layers in BF16',
    ops: ['qkv', 'o', 'gateUp', 'down'],
    knobs: { weightFormat: 'BF16', mlpFormat: 'auto' },
    weights: 'all',
    cost: 'weights in BF16 take 1.88 times the memory of BFP8_B, and each decode step reads all of them',
  },
  {
    name: 'lmHeadFormat',
    what: 'an lm_head in BF16',
    ops: ['lmHead'],
    knobs: { lmHeadFormat: 'BF16' },
    weights: 'all',
    cost: 'an lm_head in BF16 takes 1.88 times the memory of BFP8_B',
  },
  {
    name: 'logitsFormat',
    what: 'logits in BF16',
    ops: ['lmHead'],
    knobs: { logitsFormat: 'BF16' },
    cost: 'logits in BF16 take 1.88 times the bytes of BFP8_B on their way to the host',
  },
  { name: 'skipLayer', what: 'every layer', ops: WHY_OPS, knobs: { skipLayer: -1 } },
  {
    name: 'ropePositionOffset',
    what: 'rotation by the position itself',
    ops: ['rotary'],
    knobs: { ropePositionOffset: 0 },
  },
  {
    name: 'demoRotOffByOne',
    what: 'a first decode step that is rotated by its own position',
    ops: ['rotary'],
    knobs: { demoRotOffByOne: false },
  },
];

/** Those that change something of this device, and can be done in this lab. */
export function knobChanges(lab: Lab, positions: number): (KnobChange & { readonly knobs: Partial<N150Config> })[] {
  return changingKnobs(lab, positions).filter((change) => !needsExactMatrices(lab, change));
}

/** Those that cannot be done, since no exact matrices are there. */
export function untriedKnobs(lab: Lab, positions: number): string[] {
  return changingKnobs(lab, positions)
    .filter((change) => needsExactMatrices(lab, change))
    .map(({ name }) => name);
}

function changingKnobs(lab: Lab, positions: number): (KnobChange & { readonly knobs: Partial<N150Config> })[] {
  return KNOB_CHANGES.map((change) => ({ ...change, knobs: knobsOf(change, lab, positions) })).filter(
    ({ knobs }) => changedKnobs(lab.config, knobs).length > 0,
  );
}

function needsExactMatrices(lab: Lab, { weights }: KnobChange): boolean {
  return weights === 'all' && lab.plan.exact === 'none';
}

/** To write behind `--device n150:`. */
export function knobsText(
  config: N150Config,
  { name, knobs }: { readonly name: string; readonly knobs: Partial<N150Config> },
): string {
  if (name === 'mathFidelity') return 'mathFidelity=HiFi4';
  return changedKnobs(config, knobs)
    .map((knob) => `${knob}=${knobs[knob]}`)
    .join(',');
}

/** What it costs on the card; undefined where nothing is known of it. */
export function knobCost(name: string): string | undefined {
  return KNOB_CHANGES.find((change) => change.name === name)?.cost;
}

export function isKnobOf(name: string, op: WhyOp): boolean {
  return KNOB_CHANGES.some((change) => change.name === name && change.ops.includes(op));
}

function knobsOf({ knobs }: KnobChange, lab: Lab, positions: number): Partial<N150Config> {
  return typeof knobs === 'function' ? knobs(lab, positions) : knobs;
}

function changedKnobs(config: N150Config, knobs: Partial<N150Config>): (keyof N150Config)[] {
  return (Object.keys(knobs) as (keyof N150Config)[]).filter((name) => config[name] !== knobs[name]);
}
