// adapter_config.json of PEFT: what scales a low-rank update; every field that could change a value otherwise is refused by name.
// Source: PEFT 0.21.2 `LoraConfig`, `LoraLayer.update_layer` (scaling), `get_pattern_key` (patterns).
import { QwenPccError } from '../../errors.ts';
import { readJsonFile } from '../files.ts';
import { adapterNotRead } from './adapter-errors.ts';
import { matchPatterns } from './module-patterns.ts';
import { isSettings, isUnset, type Settings, shown } from './settings.ts';

export interface AdapterSettings {
  readonly path: string;
  readonly baseName: string | undefined;
  /** `fan_in_fan_out` is set: PEFT puts it off for nn.Linear and nn.Embedding, which are all that a Qwen2 has. */
  readonly saysFanInFanOut: boolean;
  readonly isRankStabilised: boolean;
  /** The update of B has a bias. */
  readonly hasBias: boolean;
  /** Names of which one ends a module's name, if the adapter lists any. */
  readonly targets: readonly string[] | undefined;
  /** No layer is left out by another field, so that every module with such a name has an update. */
  readonly areTargetsEverywhere: boolean;
  /** Ends of names of modules that are trained and stored whole. */
  readonly saved: readonly string[];
  readonly rankOf: (module: string) => number;
  readonly alphaOf: (module: string) => number;
}

/** Fields that change no merged value, each with its reason. */
const HARMLESS: Readonly<Record<string, string>> = {
  auto_mapping: 'finds the class of the base model',
  base_model_name_or_path: 'a note',
  corda_config: 'refused through init_lora_weights, whose settings it holds',
  eva_config: 'how A was initialised',
  ensure_weight_tying: 'tied embeddings that are trained are refused',
  exclude_modules: 'what was excluded has no tensors',
  inference_mode: 'training only',
  layers_pattern: 'what was not selected has no tensors',
  layers_to_transform: 'what was not selected has no tensors',
  lora_dropout: 'training only',
  lora_ga_config: 'refused through init_lora_weights, whose settings it holds',
  megatron_core: 'the name of a package; megatron_config, which would use it, is refused',
  peft_version: 'a note',
  qalora_group_size: 'has a default; use_qalora, which would use it, is refused',
  revision: 'of the base on the hub',
  runtime_config: 'where a merge is computed, not what',
  task_type: 'which class wraps the model',
};

const READ = [
  ...['peft_type', 'r', 'lora_alpha', 'rank_pattern', 'alpha_pattern', 'use_rslora', 'lora_bias'],
  ...['fan_in_fan_out', 'target_modules', 'modules_to_save', 'bias', 'init_lora_weights'],
];

/** Initialisations that leave the base as it is; the others take what A and B begin with out of it, at loading as well. */
const PLAIN_INITIALISATIONS: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal'];

/**
 * @param modules - names of the base's modules, for patterns.
 * @throws InputError `ADAPTER_UNREADABLE`, UnsupportedError `ADAPTER_UNSUPPORTED`.
 */
export function readAdapterSettings(path: string, modules: readonly string[]): AdapterSettings {
  const hint = 'name the folder that PEFT saved: adapter_config.json and adapter_model.safetensors';
  const json = readJsonFile(path, { code: 'ADAPTER_UNREADABLE', hint });
  const settings = isSettings(json) ? json : {};
  if (settings['peft_type'] !== 'LORA') {
    throw adapterNotRead(
      path,
      'only adapters of the type LORA are read',
      `peft_type ${shown(settings['peft_type'])}`,
      '"LORA"',
    );
  }
  requireKnown(path, settings);
  const r = positive(path, settings, 'r', 8, Number.isSafeInteger);
  const alpha = positive(path, settings, 'lora_alpha', 8, Number.isFinite);
  const targets = settings['target_modules'];
  const base = settings['base_model_name_or_path'];
  return {
    path,
    baseName: typeof base === 'string' && base !== '' ? base : undefined,
    saysFanInFanOut: flag(path, settings, 'fan_in_fan_out'),
    isRankStabilised: flag(path, settings, 'use_rslora'),
    hasBias: flag(path, settings, 'lora_bias'),
    targets: namesIn(targets),
    areTargetsEverywhere: ['layers_to_transform', 'exclude_modules'].every((key) => isUnset(settings[key])),
    saved: savedIn(path, settings['modules_to_save']),
    rankOf: patternOf(path, settings, 'rank_pattern', modules, r, Number.isSafeInteger),
    alphaOf: patternOf(path, settings, 'alpha_pattern', modules, alpha, Number.isFinite),
  };
}

function namesIn(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((name) => typeof name === 'string') ? (value as string[]) : undefined;
}

function savedIn(path: string, value: unknown): readonly string[] {
  const names = namesIn(value ?? []);
  if (names !== undefined) return names;
  throw adapterNotRead(path, 'modules_to_save is no list of names', shown(value), 'an array of names, or null');
}

function requireKnown(path: string, settings: Settings): void {
  for (const [key, value] of Object.entries(settings)) {
    if (READ.includes(key) || Object.hasOwn(HARMLESS, key) || isUnset(value)) continue;
    throw adapterNotRead(path, `${key} is set, which is not modelled`, shown(value), 'no such field, or an empty one');
  }
  const bias = settings['bias'] ?? 'none';
  if (bias !== 'none')
    throw adapterNotRead(path, 'biases are trained beside the update', `bias ${shown(bias)}`, '"none"');
  const initialisation = settings['init_lora_weights'];
  if (PLAIN_INITIALISATIONS.includes(initialisation)) return;
  throw adapterNotRead(
    path,
    'the base is changed by the way in which the adapter was initialised',
    `init_lora_weights ${shown(initialisation)}`,
    'true',
    'save it with path_initial_model_for_weight_conversion of PEFT, or merge it there and name the merged folder',
  );
}

function flag(path: string, settings: Settings, key: string): boolean {
  const value = settings[key] ?? false;
  if (typeof value === 'boolean') return value;
  throw adapterNotRead(path, `${key} is neither true nor false`, shown(value), 'true or false');
}

type NumberCheck = (value: number) => boolean;

function positive(path: string, settings: Settings, key: string, absent: number, isWanted: NumberCheck): number {
  const value = settings[key] ?? absent;
  if (typeof value === 'number' && isWanted(value) && value > 0) return value;
  throw adapterNotRead(path, `${key} is no positive number`, shown(value), 'a positive number');
}

/** The first pattern whose match ends a module's name decides, as in PEFT. */
function patternOf(
  path: string,
  settings: Settings,
  key: string,
  modules: readonly string[],
  otherwise: number,
  isWanted: NumberCheck,
): (module: string) => number {
  const patterns = settings[key] ?? {};
  if (!isSettings(patterns)) throw adapterNotRead(path, `${key} is no object`, shown(patterns), 'pattern -> number');
  const expressions = new Map(Object.keys(patterns).map((pattern) => [pattern, `(?:.*\\.)?(?:${pattern})$`]));
  let matched: ReadonlyMap<string, ReadonlySet<string>>;
  try {
    matched = matchPatterns(path, [...expressions.values()], modules);
  } catch (cause) {
    const found = cause instanceof QwenPccError ? (cause.facts['found'] ?? '') : shown(patterns);
    throw adapterNotRead(path, `a pattern of ${key} is not read`, String(found), 'names of modules');
  }
  const values = new Map([...expressions.keys()].map((name) => [name, positive(path, patterns, name, 0, isWanted)]));
  return (module) => {
    for (const [pattern, expression] of expressions) {
      if (matched.get(expression)?.has(module) === true) return values.get(pattern)!;
    }
    return otherwise;
  };
}
