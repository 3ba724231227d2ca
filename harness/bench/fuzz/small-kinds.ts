// Kinds of a few hundred bytes each, cheap enough for a hundred thousand inputs: every place of them is hit many times.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readTensorRows } from '../../../src/checkpoint/checkpoint-tensor.ts';
import { parseModelConfig } from '../../../src/checkpoint/config.ts';
import { openGguf } from '../../../src/checkpoint/formats/gguf/open-gguf.ts';
import {
  encodeSafetensorsHeader,
  readSafetensorsHeader,
  readTensorFloat32,
} from '../../../src/checkpoint/safetensors.ts';
import { openCheckpoint } from '../../../src/checkpoint/weights.ts';
import { encodePrompt } from '../../../src/text/encode-prompt.ts';
import { readPrompts } from '../../../src/text/prompts.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { type CaseSpec, RunSpecSchema } from '../../record/run-spec.ts';
import { readForResume, readRun } from '../../replay/read-run.ts';
import { readRulesFile } from '../../rules-file/read-rules-file.ts';
import { resolveRules } from '../../rules-file/resolve-rules.ts';
import { packageFile } from '../../sources/package-root.ts';
import { type Draws, damageBytes, damageJson, damageLines } from './damage.ts';
import { headerDamaged, type Kind, MIXED_PROMPTS, recordings } from './kinds.ts';
import { smallGguf } from './small-gguf.ts';

const SIZES = { hidden: 8, heads: 2, kvHeads: 1, inner: 12, vocab: 16 };
const CONFIG = JSON.stringify({
  ...{ architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2', hidden_act: 'silu' },
  ...{ hidden_size: SIZES.hidden, intermediate_size: SIZES.inner, num_hidden_layers: 1, vocab_size: SIZES.vocab },
  ...{ num_attention_heads: SIZES.heads, num_key_value_heads: SIZES.kvHeads, max_position_embeddings: 64 },
  ...{ rms_norm_eps: 1e-6, rope_theta: 1e6, tie_word_embeddings: false, torch_dtype: 'bfloat16' },
  ...{ bos_token_id: 1, eos_token_id: [2, 3], rope_scaling: null, use_sliding_window: false },
});
const GENERATION = '{"eos_token_id":[2,3],"do_sample":false,"temperature":0.7}';
const TENSORS = tensorsOf(SIZES);

/** All tensors of a model of one layer, by name. */
function tensorsOf({ hidden, heads, kvHeads, inner, vocab }: typeof SIZES): Map<string, readonly number[]> {
  const kv = (hidden / heads) * kvHeads;
  const inLayer = Object.entries({
    'input_layernorm.weight': [hidden],
    'post_attention_layernorm.weight': [hidden],
    'self_attn.q_proj.weight': [hidden, hidden],
    'self_attn.q_proj.bias': [hidden],
    'self_attn.k_proj.weight': [kv, hidden],
    'self_attn.k_proj.bias': [kv],
    'self_attn.v_proj.weight': [kv, hidden],
    'self_attn.v_proj.bias': [kv],
    'self_attn.o_proj.weight': [hidden, hidden],
    'mlp.gate_proj.weight': [inner, hidden],
    'mlp.up_proj.weight': [inner, hidden],
    'mlp.down_proj.weight': [hidden, inner],
  });
  const whole = {
    'model.embed_tokens.weight': [vocab, hidden],
    'model.norm.weight': [hidden],
    'lm_head.weight': [vocab, hidden],
  };
  return new Map([
    ...Object.entries(whole),
    ...inLayer.map(([name, shape]) => [`model.layers.0.${name}`, shape] as const),
  ]);
}

function safetensorsOf(names: readonly string[]): Buffer {
  const tensors = names.map((name) => ({ name, dtype: 'BF16' as const, shape: TENSORS.get(name)! }));
  const header = encodeSafetensorsHeader(tensors, { format: 'pt' });
  const elements = tensors.reduce((sum, { shape }) => sum + shape.reduce((product, side) => product * side, 1), 0);
  return Buffer.concat([header, Buffer.alloc(elements * 2, 0x3c)]);
}

const SINGLE = safetensorsOf([...TENSORS.keys()]);
const HEADER_END = 8 + Number(SINGLE.readBigUInt64LE(0));
const SHARDS = [...TENSORS.keys()].reduce<[string[], string[]]>(
  (shards, name, i) => {
    shards[i % 2]!.push(name);
    return shards;
  },
  [[], []],
);
const SHARD_NAMES = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
const SHARD_BYTES = SHARDS.map(safetensorsOf);
const INDEX = JSON.stringify({
  metadata: { total_size: SINGLE.length },
  weight_map: Object.fromEntries(SHARDS.flatMap((names, i) => names.map((name) => [name, SHARD_NAMES[i]]))),
});

function checkpoint(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  const whole = { 'config.json': CONFIG, 'model.safetensors': SINGLE };
  for (const [name, content] of Object.entries({ ...whole, ...files })) writeFileSync(join(folder, name), content);
}

function readWeights(folder: string): void {
  const { tensors } = openCheckpoint(folder);
  for (const tensor of tensors.values()) readTensorRows(tensor, 0, 1);
}

/** What a file may be in the place of one: links to nothing, to itself, to folders, to what has no end. */
function putOddFile(folder: string, name: string, draws: Draws): void {
  const path = join(folder, name);
  const put: readonly (() => void)[] = [
    () => symlinkSync('nowhere', path),
    () => symlinkSync(name, path),
    () => symlinkSync('.', path),
    () => symlinkSync('/dev/zero', path),
    () => symlinkSync('/dev/full', path),
    () => symlinkSync('/proc/self/mem', path),
    () => symlinkSync('other.json', path),
    () => copyFileSync(join(folder, 'other.json'), path),
    () => mkdirSync(path),
    () => writeFileSync(path, ''),
  ];
  draws.of(put)();
}

const CASES: readonly CaseSpec[] = [
  {
    ...{
      name: 'general',
      model: 'tiny',
      reference: { kind: 'onnx', precision: 'fp32' },
      tokenizerSha256: '0',
      eosTokenIds: [],
    },
    prompts: [{ name: 'call-me-ishmael', user: 0, promptIds: [1], continuationIds: null, positions: null }],
    variants: ['default', 'bfp4'].map((name) => ({ name, model: 'tiny', device: { kind: 'n150', knobs: {} } })),
  },
];
/** What docs/rules-file.md shows, all of it. */
const RULES_FILE = JSON.stringify({
  plan: { weights: ['general'], prompt: ['call-me-ishmael'], maxNewTokens: 64 },
  variants: [
    { name: 'default', device: 'n150' },
    { name: 'bfp4', device: 'n150:mlpFormat=BFP4_B' },
  ],
  rules: [
    { id: 'kl-mean', threshold: 0.01 },
    {
      ...{ id: 'kl-mean-bfp4', instead: 'kl-mean', applies: { variant: 'bfp4' }, threshold: 0.2 },
      loosened: { reason: 'four bits', owner: 'Ada', expires: '2027-01-31' },
    },
    {
      id: 'regret',
      scope: 'run',
      phase: 'decode',
      metric: 'regretP99',
      threshold: 0.5,
      sampleMinimum: 50,
      reason: 'r',
    },
  ],
  expected: [
    {
      ...{ rule: 'golden-rank', applies: { variant: 'bfp4', prompt: 'call-*', positions: [120, 180] } },
      ...{ reason: 'rare words', owner: 'Ada', expires: '2027-01-31' },
    },
  ],
});

let tokenizer: Tokenizer | undefined;
const none = (): readonly [] => [];

export const SMALL_KINDS: readonly Kind[] = [
  {
    name: 'small config',
    share: 16,
    make(folder, draws) {
      const name = draws.of(['config.json', 'config.json', 'generation_config.json']);
      checkpoint(folder, { [name]: damageJson(name === 'config.json' ? CONFIG : GENERATION, draws) });
    },
    read: readWeights,
    commands: none,
  },
  {
    name: 'small safetensors',
    share: 28,
    make(folder, draws) {
      const damaged = draws.chance(40)
        ? damageBytes(SINGLE, draws, HEADER_END + 16)
        : headerDamaged(SINGLE, HEADER_END, draws);
      writeFileSync(join(folder, 'model.safetensors'), damaged);
      writeFileSync(join(folder, 'config.json'), CONFIG);
    },
    read(folder) {
      const header = readSafetensorsHeader(join(folder, 'model.safetensors'));
      for (const name of header.tensors.keys()) readTensorFloat32(header, name);
      readWeights(folder);
    },
    commands: none,
  },
  {
    name: 'index files',
    share: 20,
    make(folder, draws) {
      const place = draws.below(10);
      const shard = draws.of(SHARD_NAMES);
      for (const file of ['config.json', 'other.json']) writeFileSync(join(folder, file), CONFIG);
      writeFileSync(join(folder, 'model.safetensors.index.json'), place < 6 ? damageJson(INDEX, draws) : INDEX);
      for (const [i, name] of SHARD_NAMES.entries()) {
        if (place >= 6 && name === shard) {
          if (place < 8) putOddFile(folder, name, draws);
          else if (place === 8) writeFileSync(join(folder, name), damageBytes(SHARD_BYTES[i]!, draws));
        } else writeFileSync(join(folder, name), SHARD_BYTES[i]!);
      }
    },
    read: readWeights,
    commands: none,
  },
  {
    name: 'odd files',
    share: 10,
    make(folder, draws) {
      const name = draws.of(['model.safetensors', 'config.json', 'generation_config.json', 'tokenizer.json']);
      checkpoint(folder, { 'other.json': GENERATION });
      rmSync(join(folder, name), { force: true });
      putOddFile(folder, name, draws);
    },
    read(folder) {
      readWeights(folder);
      if (readdirSync(folder).includes('tokenizer.json')) loadTokenizer(folder);
    },
    commands: none,
  },
  {
    name: 'small gguf',
    share: 36,
    make(folder, draws) {
      const whole = smallGguf();
      writeFileSync(join(folder, 'model.gguf'), damageBytes(whole, draws, draws.chance(50) ? 600 : whole.length));
    },
    read(folder) {
      const path = join(folder, 'model.gguf');
      const { config, generation, tensors } = openGguf(path);
      for (const tensor of tensors.values()) readTensorRows(tensor, 0, 1);
      parseModelConfig(config, { path, generation });
    },
    commands: none,
  },
  {
    name: 'small prompts',
    share: 6,
    make(folder, draws) {
      writeFileSync(join(folder, 'prompts.json'), damageJson(MIXED_PROMPTS, draws));
    },
    read(folder) {
      const path = join(folder, 'prompts.json');
      tokenizer ??= loadTokenizer(packageFile('fixtures/tiny-qwen2-instruct'));
      for (const prompt of readPrompts(path)) encodePrompt(prompt, { tokenizer, vocabSize: 2048, path });
    },
    commands: none,
  },
  {
    name: 'rules files',
    share: 16,
    make(folder, draws) {
      writeFileSync(join(folder, 'qwen-pcc.config.json'), damageJson(RULES_FILE, draws));
    },
    async read(folder) {
      const file = await readRulesFile(join(folder, 'qwen-pcc.config.json'));
      const { judge } = resolveRules(file, {
        semantics: 'strict',
        threshold: undefined,
        cases: CASES,
        today: '2026-11-27',
      });
      // What it makes of the rules is what a log can begin with.
      z.encode(RunSpecSchema, {
        mode: 'teacherForced',
        limits: { maxNewTokens: 1, maxSeqLen: 64 },
        judge,
        cases: CASES,
      });
    },
    commands: none,
  },
  { ...recordings, name: 'small recordings', share: 8, commands: none },
  {
    name: 'small run logs',
    share: 4,
    make(folder, draws, seeds) {
      const text = readFileSync(join(seeds, 'runs/last/run.jsonl'), 'utf8');
      writeFileSync(join(folder, 'run.jsonl'), damageLines(text, draws));
    },
    read(folder) {
      const refusals = [() => readRun(folder), () => readForResume(folder)].map((read) => {
        try {
          read();
          return undefined;
        } catch (error) {
          return error;
        }
      });
      // What a reading refuses, a resumption must not take.
      if (refusals[0] !== undefined || refusals[1] !== undefined) throw refusals[0] ?? refusals[1];
    },
    commands: none,
  },
];
