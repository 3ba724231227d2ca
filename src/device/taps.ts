// The taps: every named point of the graph whose rows both sides can hand out, with its place and width.
// A name is the checkpoint's path and a port: a module's `out` or `in`, or what attention makes in between.
import type { ModelConfig } from '../checkpoint/config.ts';
import { nearestName, UsageError } from '../errors.ts';

/** H, Q * D, K * D or F of a model. */
type Width = 'hidden' | 'queries' | 'keyValues' | 'intermediate';

interface TapPoint {
  readonly width: Width;
  /** One line for people. */
  readonly where: string;
}

/** Taps of a layer behind `layers.N.`, in order of computation. */
export const LAYER_TAPS = {
  'input_layernorm.out': { width: 'hidden', where: "what attention reads: the layer's input, normed" },
  'self_attn.q_proj.out': { width: 'queries', where: 'queries with bias, before rotation' },
  'self_attn.k_proj.out': { width: 'keyValues', where: 'keys with bias, before rotation' },
  'self_attn.v_proj.out': { width: 'keyValues', where: 'values with bias' },
  'self_attn.q_rotated': { width: 'queries', where: 'queries after rotary embedding' },
  'self_attn.k_rotated': { width: 'keyValues', where: 'keys after rotary embedding, before the KV cache packs them' },
  'self_attn.k_cached': { width: 'keyValues', where: 'keys as attention reads them back from the KV cache' },
  'self_attn.v_cached': { width: 'keyValues', where: 'values as attention reads them back from the KV cache' },
  'self_attn.o_proj.in': { width: 'queries', where: 'values mixed by attention, heads side by side' },
  'self_attn.out': { width: 'hidden', where: 'what attention adds to the residual stream' },
  'post_attention_layernorm.in': { width: 'hidden', where: 'residual stream after attention' },
  'post_attention_layernorm.out': { width: 'hidden', where: 'what the MLP reads: the stream after attention, normed' },
  'mlp.gate_proj.out': { width: 'intermediate', where: 'gate, before SiLU' },
  'mlp.up_proj.out': { width: 'intermediate', where: 'up' },
  'mlp.down_proj.in': { width: 'intermediate', where: 'silu(gate) * up' },
  'mlp.out': { width: 'hidden', where: 'what the MLP adds to the residual stream' },
  out: { width: 'hidden', where: 'residual stream after the layer' },
} as const;

export type LayerTap = keyof typeof LAYER_TAPS;

const BEFORE_LAYERS = { 'embed_tokens.out': { width: 'hidden', where: 'token embeddings' } } as const;
const AFTER_LAYERS = { 'norm.out': { width: 'hidden', where: 'final norm, what lm_head reads' } } as const;

export type TapName = 'embed_tokens.out' | `layers.${number}.${LayerTap}` | 'norm.out';

const OUTER_NAMES = [...Object.keys(BEFORE_LAYERS), ...Object.keys(AFTER_LAYERS)];
const LAYER_TAP_NAMES = Object.keys(LAYER_TAPS) as readonly LayerTap[];
/** For messages. */
export const TAP_NAMES_TEXT: string = `${OUTER_NAMES.join(', ')}, or layers.N. with ${LAYER_TAP_NAMES.join(', ')}`;
/** The residual stream and what the two branches of a layer add to it. */
const RESIDUAL_TAPS: readonly LayerTap[] = ['self_attn.out', 'mlp.out', 'out'];

/** Every tap of a model, in order of computation. */
export function allTaps(layers: number): readonly TapName[] {
  return tapsOfLayers(layers, LAYER_TAP_NAMES);
}

/** Embedding, what attention and MLP of each layer add, the stream after each layer, and the final norm. */
export function residualTaps(layers: number): readonly TapName[] {
  return tapsOfLayers(layers, RESIDUAL_TAPS);
}

function tapsOfLayers(layers: number, names: readonly LayerTap[]): readonly TapName[] {
  const ofLayer = (layer: number): TapName[] => names.map((name) => layerTap(layer, name));
  return ['embed_tokens.out', ...Array.from({ length: layers }, (_, layer) => ofLayer(layer)).flat(), 'norm.out'];
}

export function layerTap(layer: number, name: LayerTap): TapName {
  return `layers.${layer}.${name}`;
}

/** Whether a name is a tap of any model; how many layers a model has is not asked. */
export function isTapName(name: string): name is TapName {
  return pointOf(name) !== undefined;
}

type Widths = Pick<ModelConfig, 'hiddenSize' | 'intermediateSize' | 'queryHeads' | 'keyValueHeads' | 'headDim'>;

const WIDTHS: Readonly<Record<Width, (model: Widths) => number>> = {
  hidden: ({ hiddenSize }) => hiddenSize,
  queries: ({ queryHeads, headDim }) => queryHeads * headDim,
  keyValues: ({ keyValueHeads, headDim }) => keyValueHeads * headDim,
  intermediate: ({ intermediateSize }) => intermediateSize,
};

/** Values of one position's row. */
export function tapWidth(tap: TapName, model: Widths): number {
  return WIDTHS[pointOf(tap)!.width](model);
}

/** @throws UsageError `TAP_UNKNOWN` for a name that is no tap of any model. */
export function requireTapName(name: string): TapName {
  if (isTapName(name)) return name;
  const nearest = nearestTap(name);
  throw new UsageError(`there is no tap "${name}".`, {
    code: 'TAP_UNKNOWN',
    facts: { wanted: TAP_NAMES_TEXT },
    hint: nearest === undefined ? 'leave the tap out, or name one of these.' : `did you mean ${nearest}?`,
  });
}

/** The tap of the same layer whose name is likely meant. */
export function nearestTap(name: string): string | undefined {
  if (isTapName(`${name}.out`)) return `${name}.out`;
  const layer = /^layers\.(\d+)/.exec(name)?.[1] ?? '0';
  return nearestName(name, [...OUTER_NAMES, ...LAYER_TAP_NAMES.map((tap) => `layers.${layer}.${tap}`)]);
}

/** Every name with its place, for `--help`. */
export function tapsHelp(): string {
  const points = [
    ...Object.entries(BEFORE_LAYERS),
    ...Object.entries(LAYER_TAPS).map(([name, point]) => [`layers.N.${name}`, point] as const),
    ...Object.entries(AFTER_LAYERS),
  ];
  const nameWidth = Math.max(...points.map(([name]) => name.length));
  return ['Taps:', ...points.map(([name, { where }]) => `  ${name.padEnd(nameWidth)}  ${where}`)].join('\n');
}

function pointOf(name: string): TapPoint | undefined {
  const [, ofLayer] = /^layers\.(?:0|[1-9]\d*)\.(.+)$/.exec(name) ?? [];
  const table: Readonly<Record<string, TapPoint>> =
    ofLayer === undefined ? { ...BEFORE_LAYERS, ...AFTER_LAYERS } : LAYER_TAPS;
  const key = ofLayer ?? name;
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
