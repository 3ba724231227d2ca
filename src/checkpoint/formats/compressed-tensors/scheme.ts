// What config.json says about a compressed-tensors checkpoint: groups of modules, each with a format and how its scales are shared.
// Source: compressed-tensors 0.20.0, quantization/quant_config.py, quant_scheme.py, quant_args.py.
import { notRead } from '../format.ts';
import {
  groupSizeOf,
  isSettings,
  isUnset,
  namesOf,
  oneOf,
  refuseSet,
  refuseUnknown,
  type Settings,
  shown,
} from '../settings.ts';

const PLACE = 'quantization_config';
/** Of the other formats: dense and fakequant have no codes; sparse-*, marlin-24, nvfp4-*, mxfp4-*, mxfp6-*, mxfp8-* are not read. */
const FORMATS = ['pack-quantized', 'int-quantized', 'float-quantized', 'naive-quantized'] as const;
const STRATEGIES = ['tensor', 'channel', 'group', 'block'] as const;

export type CompressedFormat = (typeof FORMATS)[number];
export type Strategy = (typeof STRATEGIES)[number];

/** How the matrices of a group of modules are stored. */
export interface Scheme {
  /** Names of modules, of their classes, or patterns after "re:". */
  readonly targets: readonly string[];
  /** Undefined for a group that leaves weights plain. */
  readonly weights: WeightScheme | undefined;
  readonly quantisesActivations: boolean;
}

export interface WeightScheme {
  readonly format: CompressedFormat;
  readonly bits: number;
  readonly type: 'int' | 'float';
  readonly isSymmetric: boolean;
  readonly strategy: Strategy;
  /** Columns that share a scale, for strategy group; -1 for all. */
  readonly groupSize: number;
  /** [rows, columns] that share a scale, for strategy block. */
  readonly block: readonly [number, number] | undefined;
  /** The columns may be in groups that weight_g_idx names. */
  readonly isReordered: boolean;
}

const READ = ['quant_method', 'config_groups', 'format', 'ignore', 'kv_cache_scheme', 'sparsity_config'];
const REFUSED = ['transform_config', 'moe_sparsity_config', 'quantization_config'];
/** quantization_status: what is stored says it. The rest is about the writer and how the weights are run. */
const HARMLESS = ['quantization_status', 'global_compression_ratio', 'version', 'run_compressed', 'dequantize'];

export interface CompressedSettings {
  readonly schemes: readonly Scheme[];
  readonly ignore: readonly string[];
}

/** @throws UnsupportedError `QUANTISED_UNSUPPORTED`. */
export function compressedSettings(path: string, settings: Settings): CompressedSettings {
  refuseUnknown(path, PLACE, settings, [...READ, ...REFUSED, ...HARMLESS]);
  refuseSet(path, PLACE, settings, 'kv_cache_scheme', 'a quantised KV cache is not modelled');
  refuseSparsity(path, settings['sparsity_config']);
  for (const key of REFUSED) refuseSet(path, PLACE, settings, key, 'it changes what the weights mean, and is not read');
  const groups = settings['config_groups'];
  if (!isSettings(groups) || isUnset(groups)) {
    throw notRead(path, `${PLACE}.config_groups is not read`, shown(groups), 'an object of groups');
  }
  const schemes = Object.entries(groups).map(([name, group]) => {
    const place = `${PLACE}.config_groups.${name}`;
    // A list of targets under the name of a preset, which no exporter leaves unexpanded.
    if (!isSettings(group))
      throw notRead(path, `${place} is not read`, shown(group), 'an object with targets and weights');
    return schemeOf(path, place, group, settings);
  });
  return { schemes, ignore: namesOf(path, PLACE, settings, 'ignore') };
}

/** `format: dense` says that zeros are stored as any other values. */
function refuseSparsity(path: string, sparsity: unknown): void {
  if (isUnset(sparsity) || (isSettings(sparsity) && sparsity['format'] === 'dense')) return;
  throw notRead(
    path,
    `${PLACE}.sparsity_config: compressed zeros are not read`,
    shown(sparsity),
    'none, or format dense',
  );
}

function schemeOf(path: string, place: string, group: Settings, settings: Settings): Scheme {
  refuseUnknown(path, place, group, ['targets', 'weights', 'input_activations', 'output_activations', 'format']);
  const weights = group['weights'] ?? undefined;
  if (weights !== undefined && !isSettings(weights)) {
    throw notRead(path, `${place}.weights is not read`, shown(weights), 'an object');
  }
  const global = settings['format'] === 'mixed-precision' ? undefined : settings['format'];
  const format = { format: group['format'] ?? global };
  return {
    targets: namesOf(path, place, group, 'targets'),
    weights:
      weights === undefined
        ? undefined
        : weightsOf(path, `${place}.weights`, weights, oneOf(path, place, format, 'format', FORMATS)),
    quantisesActivations: !isUnset(group['input_activations']) || !isUnset(group['output_activations']),
  };
}

/** How the scales were found, and in what dtype: they are stored. */
const HARMLESS_OF_WEIGHTS = ['observer', 'observer_kwargs', 'scale_dtype', 'zp_dtype', 'actorder'];
const READ_OF_WEIGHTS = ['num_bits', 'type', 'symmetric', 'group_size', 'strategy', 'block_structure', 'dynamic'];
const BITS = {
  'pack-quantized': [2, 3, 4, 5, 6, 7, 8],
  'int-quantized': [2, 3, 4, 5, 6, 7, 8],
  'float-quantized': [8],
  'naive-quantized': [2, 3, 4, 5, 6, 7, 8],
} as const;

function weightsOf(path: string, place: string, weights: Settings, format: CompressedFormat): WeightScheme {
  refuseUnknown(path, place, weights, [...READ_OF_WEIGHTS, ...HARMLESS_OF_WEIGHTS]);
  refuseSet(path, place, weights, 'dynamic', 'weights have scales that are stored');
  const types = format === 'float-quantized' ? (['float'] as const) : (['int', 'float'] as const);
  const type = oneOf<'int' | 'float'>(
    path,
    place,
    weights,
    'type',
    format === 'naive-quantized' ? types : types.slice(0, 1),
    'int',
  );
  const bits = oneOf<number>(path, place, weights, 'num_bits', type === 'float' ? [8] : BITS[format], 8);
  const isSymmetric = oneOf(path, place, weights, 'symmetric', type === 'float' ? [true] : [true, false], true);
  const groupSize = isUnset(weights['group_size']) ? undefined : groupSizeOf(path, place, weights);
  const inferred = groupSize === undefined ? 'tensor' : groupSize === -1 ? 'channel' : 'group';
  const strategy = oneOf(path, place, weights, 'strategy', STRATEGIES, inferred);
  if (strategy === 'block' && (format === 'pack-quantized' || !isSymmetric)) {
    throw notRead(path, `${place}.strategy is not read`, `block, ${format}`, 'tensor, channel or group');
  }
  if (strategy === 'group' && (groupSize ?? -1) === -1) {
    throw notRead(path, `${place}.group_size is not read`, shown(weights['group_size']), 'a positive integer');
  }
  return {
    format,
    bits,
    type,
    isSymmetric,
    strategy,
    groupSize: strategy === 'group' ? groupSize! : -1,
    block: strategy === 'block' ? blockOf(path, place, weights['block_structure']) : undefined,
    isReordered: weights['actorder'] === 'group' || weights['actorder'] === 'dynamic' || weights['actorder'] === true,
  };
}

/** [128, 128], which earlier versions wrote as "128x128". */
function blockOf(path: string, place: string, value: unknown): readonly [number, number] {
  const sides = typeof value === 'string' ? value.split('x').map(Number) : value;
  if (Array.isArray(sides) && sides.length === 2 && sides.every((side) => Number.isSafeInteger(side) && side > 0)) {
    return sides as [number, number];
  }
  throw notRead(path, `${place}.block_structure is not read`, shown(value), 'two positive integers');
}
