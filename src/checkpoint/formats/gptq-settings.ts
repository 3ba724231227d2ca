// What config.json says about a GPTQ checkpoint: bits, groups, layout, and what differs from module to module.
// Source: GPTQModel 7.7.0 (quantization/config.py: `dynamic`, `checkpoint_format`), AutoGPTQ 0.7.1, Transformers 5.24 (GPTQConfig).
import { notRead } from './format.ts';
import { matchPatterns } from './module-patterns.ts';
import { groupSizeOf, isSettings, isUnset, oneOf, refuseSet, refuseUnknown, type Settings, shown } from './settings.ts';

/** 5, 6 and 7 bits exist in the planar layout `gptq_p` only. */
const BITS = [2, 3, 4, 8] as const;
const LAYOUTS = ['gptq', 'gptq_v2'] as const;
const PLACE = 'quantization_config';

/** Read here: what decides values. */
const READ = [
  ...['quant_method', 'method', 'bits', 'group_size', 'desc_act', 'checkpoint_format', 'format', 'dynamic'],
  ...['pack_dtype', 'activation', 'is_marlin_format', 'rotation', 'data_type', 'adapter'],
];
/** How the codes were found, and what runs them: the codes, scales and zero points that came out are stored. */
const HARMLESS = [
  // sym: zero points are stored either way. lm_head: a head is quantised if its codes are there.
  ...['sym', 'lm_head', 'meta', 'modules_in_block_to_quantize', 'block_name_to_quantize', 'static_groups'],
  ...['true_sequential', 'damp_percent', 'damp_auto_increment', 'mse', 'act_group_aware', 'model_name_or_path'],
  ...['model_file_base_name', 'quantizer', 'dataset', 'tokenizer', 'backend', 'batch_size', 'cache_block_outputs'],
  ...['exllama_config', 'disable_exllama', 'use_cuda_fp16', 'use_exllama', 'max_input_length', 'model_seqlen'],
  ...['module_name_preceding_first_block', 'pad_token_id', 'offload_to_disk', 'offload_to_disk_path', 'pack_impl'],
  ...['hessian', 'gptaq', 'foem', 'fallback', 'preprocessors', 'smoother', 'smooth', 'gc_mode', 'telemetry'],
  ...['autoround_version', 'iters', 'nsamples', 'seqlen', 'lr', 'minmax_lr', 'enable_quanted_input', 'provider'],
  ...['enable_minmax_tuning', 'gradient_accumulate_steps', 'low_gpu_mem_usage', 'amp', 'scale_dtype'],
];
const PER_MODULE = [...READ.slice(2, 5), ...HARMLESS];

/** How one module is stored. */
export interface GptqModule {
  readonly bits: number;
  /** -1 for whole columns. */
  readonly groupSize: number;
  readonly isReordered: boolean;
}

export interface GptqSettings {
  readonly base: GptqModule;
  /** Version 1 stores zero points less one. */
  readonly zeroOffset: 0 | 1;
  readonly quantisesActivations: boolean;
  /** What holds for each module's name; undefined for one that is left plain. */
  readonly modules: ReadonlyMap<string, GptqModule | undefined>;
}

/** @throws UnsupportedError `QUANTISED_UNSUPPORTED`. */
export function gptqSettings(path: string, settings: Settings, names: readonly string[]): GptqSettings {
  refuseUnknown(path, PLACE, settings, [...READ, ...HARMLESS]);
  refuseSet(path, PLACE, settings, 'is_marlin_format', 'weights in the order of Marlin kernels are not read');
  refuseSet(path, PLACE, settings, 'rotation', 'rotated weights need an activation that Qwen2 does not have');
  refuseSet(path, PLACE, settings, 'adapter', 'an adapter beside quantised weights is not read');
  oneOf(path, PLACE, settings, 'method', ['gptq'], 'gptq');
  oneOf(path, PLACE, settings, 'pack_dtype', ['int32'], 'int32');
  oneOf(path, PLACE, settings, 'data_type', ['int'], 'int');
  const base = moduleOf(path, PLACE, settings, { groupSize: 128, isReordered: false });
  return {
    base,
    zeroOffset: layoutOf(path, settings) === 'gptq' ? 1 : 0,
    quantisesActivations: !isUnset(settings['activation']),
    modules: modulesOf(path, settings['dynamic'], base, names),
  };
}

function moduleOf(path: string, place: string, settings: Settings, absent: Partial<GptqModule>): GptqModule {
  return {
    bits: oneOf(path, place, settings, 'bits', BITS, absent.bits as 4 | undefined),
    groupSize: groupSizeOf(path, place, settings, absent.groupSize),
    isReordered: oneOf(path, place, settings, 'desc_act', [true, false], absent.isReordered),
  };
}

/** Two keys for one thing: AutoGPTQ wrote `checkpoint_format`, GPTQModel writes both. */
function layoutOf(path: string, settings: Settings): (typeof LAYOUTS)[number] {
  const layout = oneOf(
    path,
    PLACE,
    settings,
    'checkpoint_format',
    LAYOUTS,
    oneOf(path, PLACE, settings, 'format', LAYOUTS, 'gptq'),
  );
  if (isUnset(settings['format']) || oneOf(path, PLACE, settings, 'format', LAYOUTS) === layout) return layout;
  throw notRead(path, `${PLACE}.format and ${PLACE}.checkpoint_format differ`, shown(settings['format']), layout);
}

/** `dynamic`: pattern -> what differs. The first that matches counts; one that begins with "-:" leaves modules plain. */
function modulesOf(
  path: string,
  dynamic: unknown,
  base: GptqModule,
  names: readonly string[],
): ReadonlyMap<string, GptqModule | undefined> {
  const modules = new Map<string, GptqModule | undefined>(names.map((name) => [name, base]));
  if (isUnset(dynamic)) return modules;
  if (!isSettings(dynamic))
    throw notRead(path, `${PLACE}.dynamic is not read`, shown(dynamic), 'an object of patterns');
  const rules = Object.entries(dynamic).map(([key, overrides]) => {
    const place = `${PLACE}.dynamic["${key}"]`;
    if (!isSettings(overrides)) throw notRead(path, `${place} is not read`, shown(overrides), 'an object');
    refuseUnknown(path, place, overrides, PER_MODULE);
    const module = key.startsWith('-:') ? undefined : moduleOf(path, place, overrides, base);
    return { pattern: key.replace(/^[-+]:/, ''), module };
  });
  const matched = matchPatterns(
    path,
    rules.map(({ pattern }) => pattern),
    names,
  );
  for (const name of names) {
    const rule = rules.find(({ pattern }) => matched.get(pattern)!.has(name));
    if (rule !== undefined) modules.set(name, rule.module);
  }
  return modules;
}
