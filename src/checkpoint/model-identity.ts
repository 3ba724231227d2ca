// Whether a config.json describes a dense Qwen2 decoder with plain weights: whatever else it describes is refused by name.
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { UnsupportedError } from '../errors.ts';
import { isFloatDtype } from '../tensor/dtypes.ts';
import { parseFields, unsupported } from './config-fields.ts';
import { READ_METHODS, readerOf, SETTINGS_KEYS } from './formats/readers.ts';

export interface IdentityOptions {
  /** Dtypes of the weights, asked for only where the config says that they are quantised. */
  readonly storedDtypes?: () => readonly string[];
}

const quantization = z.looseObject({ quant_method: z.string().nullish() }).nullish();

const identitySchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  model_type: z.string().nullish(),
  quantization_config: quantization,
  compression_config: quantization,
  quantization,
  is_causal: z.boolean().nullish(),
  per_layer_config: z.unknown().optional(),
  num_experts: z.number().nullish(),
  hidden_act: z.string().nullish(),
});

/**
 * Refuses by name what is in config.json and not modelled here.
 *
 * @throws UnsupportedError `CONFIG_*`.
 */
export function refuseOtherModels(path: string, json: unknown, { storedDtypes }: IdentityOptions = {}): void {
  const raw = parseFields(identitySchema, json, path);
  const architectures = raw.architectures ?? ['Qwen2ForCausalLM'];
  const modelType = raw.model_type ?? 'qwen2';
  if (modelType.includes('moe') || architectures.some((name) => /moe/i.test(name)) || (raw.num_experts ?? 0) > 0) {
    throw unsupported(path, 'MOE', 'mixture-of-experts checkpoints are not modelled', `${modelType}, ${architectures}`);
  }
  if (modelType !== 'qwen2' || !architectures.includes('Qwen2ForCausalLM')) {
    throw unsupported(
      path,
      'ARCHITECTURE',
      'the architecture is not Qwen2ForCausalLM',
      `${modelType}, ${architectures}`,
    );
  }
  // Transformers knows silu as swish too.
  if (raw.hidden_act != null && !['silu', 'swish'].includes(raw.hidden_act)) {
    throw unsupported(path, 'HIDDEN_ACT', 'the only activation modelled is silu', `hidden_act ${raw.hidden_act}`);
  }
  if (raw.is_causal === false) {
    throw unsupported(path, 'ATTENTION_MASK', 'the only attention mask modelled is the causal one', 'is_causal false');
  }
  if (raw.per_layer_config != null) {
    throw unsupported(path, 'PER_LAYER', 'layers of different shapes are not modelled', 'per_layer_config');
  }
  const quantisation = quantisationOf(path, raw);
  if (quantisation !== undefined) requireRead(path, quantisation, storedDtypes?.());
}

/** How config.json says that the weights are stored. */
export interface Quantisation {
  readonly key: (typeof SETTINGS_KEYS)[number];
  /** `mlx` where MLX wrote the entry, which names no method; mlx-lm writes it twice, for Transformers as `quantization_config`. */
  readonly method: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** @throws InputError `CONFIG_MALFORMED`. */
export function quantisationOf(path: string, json: unknown): Quantisation | undefined {
  const raw = parseFields(identitySchema, json, path);
  for (const key of SETTINGS_KEYS) {
    const settings = raw[key];
    if (settings == null) continue;
    const isOfMlx = isDeepStrictEqual(settings, raw.quantization);
    return { key, method: settings.quant_method ?? (isOfMlx ? 'mlx' : 'unknown method'), settings };
  }
  return undefined;
}

/** A merged fine-tune keeps the entry of the base that it was trained on, and Transformers would quantise its plain weights anew. */
function requireRead(path: string, { key, method }: Quantisation, dtypes: readonly string[] = []): void {
  const found = `${key}, ${method}`;
  if (dtypes.length === 0 || !dtypes.every(isFloatDtype)) {
    if (readerOf(method) !== undefined) return;
    throw new UnsupportedError(`${path}: the weights are quantised in a way that is not read.`, {
      code: 'CONFIG_QUANTIZED',
      facts: { found, wanted: READ_METHODS.join(', ') },
      hint: 'dequantise the checkpoint with the program that made it and save it as BF16, or name another variant',
    });
  }
  throw new UnsupportedError(
    `${path}: the config says that the weights are quantised, but all weights are ${dtypes.join(', ')}.`,
    {
      code: 'CONFIG_QUANTIZED',
      facts: { found },
      hint: `if this is a merged fine-tune, remove ${key} from config.json: Transformers would quantise the weights anew`,
    },
  );
}
