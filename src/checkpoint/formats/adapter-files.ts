// The files of a PEFT adapter, sorted by what they do to which tensor of the base; what is missing, extra or of another shape is said.
// Source: PEFT 0.21.2 `save_pretrained()` (names), `set_peft_model_state_dict` (what is loaded).
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { listNames } from '../../errors.ts';
import { isFloatDtype } from '../../tensor/dtypes.ts';
import type { CheckpointTensor, PlainTensor } from '../checkpoint-tensor.ts';
import { readSafetensorsHeader } from '../safetensors.ts';
import { adapterNotRead, adapterTensor } from './adapter-errors.ts';
import { type AdapterSettings, readAdapterSettings } from './adapter-settings.ts';

/** As PEFT writes them: the wrapped model is `base_model.model`. */
const PREFIX = 'base_model.model.';
const UPDATE_PART = /^(.+)\.(lora_A\.weight|lora_B\.weight|lora_B\.bias|lora_embedding_A|lora_embedding_B)$/;

/** `lora_A.weight` and so on -> the tensor. */
export type Parts = Map<string, PlainTensor>;

export interface Adapter {
  readonly settings: AdapterSettings;
  readonly weights: string;
  /** Module -> what the file holds of its update. */
  readonly updates: ReadonlyMap<string, Parts>;
  /** Name of the model -> the tensor that takes its place. */
  readonly replaced: ReadonlyMap<string, PlainTensor>;
}

/** @throws InputError `ADAPTER_UNREADABLE`, `ADAPTER_TENSOR`, UnsupportedError `ADAPTER_UNSUPPORTED`; of the safetensors file as usual. */
export function readAdapter(folder: string, base: ReadonlyMap<string, CheckpointTensor>): Adapter {
  const modules = [...base.keys()]
    .filter((name) => name.endsWith('.weight'))
    .map((name) => name.slice(0, -'.weight'.length));
  const settings = readAdapterSettings(join(folder, 'adapter_config.json'), modules);
  const weights = join(folder, 'adapter_model.safetensors');
  if (!existsSync(weights) && existsSync(join(folder, 'adapter_model.bin'))) {
    throw adapterNotRead(
      join(folder, 'adapter_model.bin'),
      'the adapter is a pickle, which is a program and is not run',
      'adapter_model.bin',
      'adapter_model.safetensors',
      "python -c \"import torch, safetensors.torch as s; s.save_file(torch.load('adapter_model.bin', weights_only=True), 'adapter_model.safetensors')\"",
    );
  }
  const updates = new Map<string, Parts>();
  const replaced = new Map<string, PlainTensor>();
  for (const [stored, entry] of readSafetensorsHeader(weights).tensors) {
    const tensor: PlainTensor = { ...entry, kind: 'plain', file: weights };
    const name = stored.startsWith(PREFIX) ? stored.slice(PREFIX.length) : stored;
    if (!isFloatDtype(entry.dtype))
      throw adapterTensor(weights, `${stored} is not read`, entry.dtype, 'BF16, F16 or F32');
    const [, module, part] = UPDATE_PART.exec(name) ?? [];
    // The weights of a module that has an update lie in its base_layer; with trained or resized embeddings they are saved too.
    const whole = name.replace('.base_layer.', '.');
    if (module !== undefined && part !== undefined && base.has(`${module}.weight`)) {
      updates.set(module, (updates.get(module) ?? new Map()).set(part, tensor));
    } else if (base.has(whole)) {
      requireShape(weights, stored, entry.shape, base.get(whole)!.shape);
      replaced.set(whole, tensor);
    } else {
      throw adapterTensor(
        weights,
        `${stored} belongs to nothing of the base`,
        stored,
        `${PREFIX} and a name of the base's`,
      );
    }
  }
  if (updates.size === 0 && replaced.size === 0)
    throw adapterTensor(weights, 'the adapter is empty', 'no tensors', 'some');
  const adapter = { settings, weights, updates, replaced };
  requireComplete(adapter, base);
  return adapter;
}

/** PEFT warns of what is missing and leaves the base's values there: the sign of a file that was cut or saved in parts. */
function requireComplete(
  { settings, weights, updates, replaced }: Adapter,
  base: ReadonlyMap<string, CheckpointTensor>,
): void {
  const { targets = [], areTargetsEverywhere, saved } = settings;
  const missing = [...base].flatMap(([name, { shape }]) => {
    const module = name.slice(0, name.lastIndexOf('.'));
    // As `endsWith` for the module itself, or for one that it is a part of: "norm" is "input_layernorm" too, in PEFT.
    const isSaved = saved.some((end) => module.endsWith(end) || module.includes(`${end}.`));
    if (isSaved) return replaced.has(name) ? [] : [name];
    const isTarget =
      areTargetsEverywhere && name.endsWith('.weight') && shape.length === 2 && isTargeted(targets, module);
    return isTarget && !updates.has(module) ? [module] : [];
  });
  if (missing.length === 0) return;
  throw adapterTensor(
    weights,
    'the adapter is not complete',
    `nothing of ${listNames(missing)}`,
    'all that its config names',
  );
}

/** Whether one of the names is the module's or ends it, as in PEFT. */
export function isTargeted(targets: readonly string[], module: string): boolean {
  return targets.some((name) => module === name || module.endsWith(`.${name}`));
}

/** @throws InputError `ADAPTER_TENSOR`. */
export function requireShape(file: string, name: string, found: readonly number[], wanted: readonly number[]): void {
  if (found.length === wanted.length && found.every((side, axis) => side === wanted[axis])) return;
  throw adapterTensor(file, `${name} does not fit the base`, `[${found.join(', ')}]`, `[${wanted.join(', ')}]`);
}
