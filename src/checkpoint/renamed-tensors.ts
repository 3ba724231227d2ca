// Tensors that all have other names than Transformers gives them, as wrappers of a model write them: said once, not tensor by tensor.
import { ShapeError } from '../errors.ts';
import type { ModelConfig } from './config.ts';
import { EMBED_TOKENS, expectedTensors, LM_HEAD } from './tensor-names.ts';

/** Parts of names that wrappers insert anywhere, and who does. */
const INSERTED: Readonly<Record<string, string>> = {
  '_orig_mod.': 'torch.compile',
  '_fsdp_wrapped_module.': 'FSDP',
  '_checkpoint_wrapped_module.': 'activation checkpointing',
  '.base_layer': 'PEFT, before merge_and_unload()',
};

/** What stands before "layers.0…" in a checkpoint that is not wrapped is "model.". */
const ANCHOR = 'layers.0.input_layernorm.weight';
const PREFIXES: readonly (readonly [prefix: string, writer: string])[] = [
  ['base_model.model.', 'PEFT'],
  ['module.', 'DataParallel or DeepSpeed'],
  ['language_model.', 'a model of text and images'],
];

/**
 * Refuses checkpoints whose tensors would be known under other names.
 *
 * @throws ShapeError `CHECKPOINT_TENSORS` with a few lines of Python that rename them.
 */
export function requireOwnNames(folder: string, config: ModelConfig, names: readonly string[]): void {
  const expected = new Set(expectedTensors({ ...config, layers: 1 }).keys());
  const found = new Set(names);
  // A head may stand outside of what is wrapped.
  if ([...expected].every((name) => name === LM_HEAD || found.has(name))) return;
  for (const [part, writer] of Object.entries(INSERTED)) {
    const renamed = names.filter((name) => name.includes(part));
    if (!renamed.some((name) => expected.has(name.replaceAll(part, '')))) continue;
    throw otherNames(folder, {
      found: `${renamed.length} of ${names.length} names contain "${part}" (${writer}), such as ${renamed[0]}`,
      python: `name.replace("${part}", "")`,
    });
  }
  const example = names.find((name) => name.endsWith(ANCHOR));
  const prefix = example?.slice(0, -ANCHOR.length);
  if (prefix === undefined || prefix === 'model.') {
    if ([...expected].some((name) => found.has(name))) return;
    throw new ShapeError(`${folder}: none of the tensors is one of Qwen2ForCausalLM.`, {
      code: 'CHECKPOINT_TENSORS',
      facts: { found: `${names.length} tensors, such as ${names[0] ?? 'none'}`, wanted: EMBED_TOKENS },
      hint: 'save the model with save_pretrained of Transformers, whose names are read here',
    });
  }
  if (prefix === '') {
    throw otherNames(folder, {
      found: `${names.length} names, such as ${example}: the decoder was saved without its head`,
      python: 'name if name.startswith("lm_head.") else "model." + name',
    });
  }
  const count = names.filter((name) => name.startsWith(prefix)).length;
  const writer = PREFIXES.find(([known]) => prefix.includes(known))?.[1];
  // What wraps the whole model wraps its head too; what stands after "model." is inside of it.
  const isWhole = !prefix.startsWith('model.') && prefix.endsWith('model.');
  const outer = isWhole ? prefix.slice(0, -'model.'.length) : prefix;
  throw otherNames(folder, {
    found: `${count} of ${names.length} names begin with "${prefix}"${writer === undefined ? '' : ` (${writer})`}`,
    python: isWhole ? `name.removeprefix("${outer}")` : `name.replace("${prefix}", "model.", 1)`,
  });
}

function otherNames(folder: string, { found, python }: { found: string; python: string }): ShapeError {
  return new ShapeError(`${folder}: the tensors have other names than Qwen2ForCausalLM gives them.`, {
    code: 'CHECKPOINT_TENSORS',
    facts: { found, wanted: `model.${ANCHOR} and so on` },
    hint: [
      'save the model inside the wrapper, or rename the tensors of each file (and in the index), in Python:',
      'from safetensors.torch import load_file, save_file',
      `file = ${JSON.stringify(`${folder}/model.safetensors`)}`,
      `tensors = {${python}: tensor.clone() for name, tensor in load_file(file).items()}`,
      'save_file(tensors, file, {"format": "pt"})',
    ].join('\n'),
  });
}
