// Hints about checkpoint folders: config.json, weights, shards; each edit that a hint names is made and the model runs.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { rewriteJson, rewriteWeights } from '../../../src/checkpoint/checkpoint.fixture.ts';
import type { TensorToWrite } from '../../../src/checkpoint/safetensors.ts';
import { fixtureOf, type HintCase, type Room, swapped } from './hint-case.fixture.ts';

type Json = Record<string, unknown>;

const config = (room: Room, change: (json: Json) => Json): void =>
  rewriteJson(room.path('checkpoint'), 'config.json', change);

/** Judges the copy in the room. */
export const judge = (room: Room): string[] =>
  room.validate('--weights', room.path('checkpoint'), '--prompts', room.ids());

/** A copy with another config.json. */
const configured =
  (change: (json: Json) => Json, fixture?: string): HintCase['wrong'] =>
  (room) => {
    room.checkpoint('checkpoint', fixture);
    config(room, change);
    return judge(room);
  };

/** A copy with other tensors. */
export const stored =
  (change: (tensors: TensorToWrite[]) => TensorToWrite[]): HintCase['wrong'] =>
  (room) => {
    rewriteWeights(room.checkpoint(), change);
    return judge(room);
  };

/** A copy without a file, or with another content in it. */
export const damaged =
  (file: string, content?: string, fixture?: string): HintCase['wrong'] =>
  (room) => {
    rmSync(path.join(room.checkpoint('checkpoint', fixture), file));
    if (content !== undefined) room.write(`checkpoint/${file}`, content);
    return judge(room);
  };

/** Takes files again from where the copy came from. */
export const takenAgain =
  (fixture = 'tiny-qwen2'): HintCase['follow'] =>
  (room) => {
    rmSync(room.path('checkpoint'), { recursive: true });
    room.checkpoint('checkpoint', fixture);
    return judge(room);
  };

/** Writes what the hint says, "key": value, into config.json. */
const written: HintCase['follow'] = (room, [field]) => {
  config(room, (json) => ({ ...json, ...(JSON.parse(`{${field}}`) as Json) }));
  return judge(room);
};

/** Takes another checkpoint, which the hint describes. */
const another: HintCase['follow'] = (room, _said, args) =>
  swapped(args, room.path('checkpoint'), fixtureOf('tiny-qwen2'));

const SHARDED = 'golden-hf/quirk-sharded-heavy';
const INDEX = 'model.safetensors.index.json';

const unmodelled = (code: string, change: Json): HintCase => ({
  code,
  wrong: configured((json) => ({ ...json, ...change })),
  hint: /use a dense Qwen2/,
  follow: another,
});

export const CHECKPOINT_CASES: readonly HintCase[] = [
  {
    code: 'CONFIG_NOT_JUDGED',
    wrong: (room) => {
      const folder = room.checkpoint();
      config(room, (json) => ({ ...json, rms_norm_eps: 0.01 }));
      return room.validateIds('--device-weights', folder);
    },
    hint: /write --device (\S+) to judge it/,
    follow: (_room, [device], args) => [...args, '--device', device!],
  },
  unmodelled('CONFIG_MOE', { model_type: 'qwen2_moe' }),
  unmodelled('CONFIG_ARCHITECTURE', { model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'] }),
  unmodelled('CONFIG_HIDDEN_ACT', { hidden_act: 'gelu' }),
  unmodelled('CONFIG_ATTENTION_MASK', { is_causal: false }),
  unmodelled('CONFIG_PER_LAYER', { per_layer_config: [] }),
  unmodelled('CONFIG_LAYER_TYPE', { layer_types: ['linear', 'a', 'a', 'a', 'a', 'a'] }),
  unmodelled('CONFIG_ROPE_TYPE', { rope_scaling: { rope_type: 'llama3', factor: 8 } }),
  unmodelled('CONFIG_PARTIAL_ROTARY', { partial_rotary_factor: 0.5 }),
  {
    code: 'CONFIG_QUANTIZED',
    wrong: configured((json) => ({ ...json, quantization_config: { quant_method: 'awq' } })),
    hint: /remove (\w+) from config\.json/,
    follow: (room, [key]) => {
      config(room, ({ [key!]: _removed, ...rest }) => rest);
      return judge(room);
    },
  },
  {
    code: 'CONFIG_WRITTEN_TWICE',
    wrong: configured((json) => ({ ...json, rope_parameters: { rope_type: 'default', rope_theta: 10_000 } })),
    hint: /write one: delete (\w+) or/,
    follow: (room, [key]) => {
      config(room, ({ [key!]: _removed, ...rest }) => rest);
      return judge(room);
    },
  },
  {
    code: 'CONFIG_WRITTEN_TWICE',
    what: 'two dictionaries',
    wrong: configured(({ rope_theta: theta, ...json }) => ({
      ...json,
      rope_scaling: { type: 'yarn', factor: 4 },
      rope_parameters: { rope_type: 'default', rope_theta: theta },
    })),
    hint: /delete rope_scaling, .*write ("rope_parameters": \{.*\})/,
    follow: (room, said, args) => {
      config(room, ({ rope_scaling: _removed, ...rest }) => rest);
      return written(room, said, args);
    },
  },
  {
    code: 'CONFIG_MALFORMED',
    wrong: configured((json) => ({ ...json, hidden_size: 'many' })),
    hint: /take the file from where the checkpoint came from/,
    follow: takenAgain(),
  },
  {
    code: 'CONFIG_UNREADABLE',
    wrong: damaged('config.json', '{ "a": '),
    hint: /config\.json/,
    follow: takenAgain(),
  },
  {
    code: 'CHECKPOINT_FOLDER',
    wrong: (room) => room.validate('--weights', room.path('nowhere'), '--prompts', room.ids()),
    hint: /folder/,
    follow: (room, _said, args) => swapped(args, room.path('nowhere'), room.checkpoint()),
  },
  {
    code: 'CHECKPOINT_NO_WEIGHTS',
    wrong: damaged('model.safetensors'),
    hint: /download the checkpoint completely/,
    follow: takenAgain(),
  },
  {
    code: 'CHECKPOINT_NO_WEIGHTS',
    what: 'of another name',
    wrong: (room) => {
      const folder = room.checkpoint();
      renameSync(path.join(folder, 'model.safetensors'), path.join(folder, 'weights.safetensors'));
      return judge(room);
    },
    hint: /name the file (\S+) if/,
    follow: (room, [name]) => {
      renameSync(room.path('checkpoint/weights.safetensors'), room.path(`checkpoint/${name}`));
      return judge(room);
    },
  },
  {
    code: 'CHECKPOINT_NO_WEIGHTS',
    what: 'shards without their index',
    wrong: damaged(INDEX, undefined, SHARDED),
    hint: /download (\S+) into the folder/,
    follow: (room, [name]) => {
      writeFileSync(room.path(`checkpoint/${name}`), readFileSync(fixtureOf(`${SHARDED}/${name}`)));
      return judge(room);
    },
  },
  {
    code: 'CHECKPOINT_NO_WEIGHTS',
    what: 'in a folder below',
    wrong: (room) => {
      mkdirSync(room.path('outer'));
      room.checkpoint('outer/checkpoint-100');
      room.write('outer/config.json', readFileSync(fixtureOf('tiny-qwen2/config.json'), 'utf8'));
      return room.validate('--weights', room.path('outer'), '--prompts', room.ids());
    },
    hint: /name the folder below/,
    follow: (room, _said, args) => swapped(args, room.path('outer'), room.path('outer/checkpoint-100')),
  },
  {
    code: 'CHECKPOINT_INDEX',
    wrong: damaged(INDEX, '{}', SHARDED),
    hint: /download it again/,
    follow: takenAgain(SHARDED),
  },
  {
    code: 'CHECKPOINT_SHARDS',
    wrong: damaged('model-00001-of-00004.safetensors', undefined, SHARDED),
    hint: /download them into the folder/,
    follow: takenAgain(SHARDED),
  },
  {
    code: 'CHECKPOINT_TENSORS',
    what: 'missing',
    wrong: stored((tensors) => tensors.slice(1)),
    hint: /compare config|download them again|embedding as lm_head/,
    follow: takenAgain(),
  },
  {
    code: 'CHECKPOINT_TENSORS',
    what: 'no lm_head',
    wrong: stored((tensors) => tensors.filter(({ name }) => name !== 'lm_head.weight')),
    hint: /write ("tie_word_embeddings": true) into config\.json/,
    follow: written,
  },
  {
    code: 'CHECKPOINT_TENSORS',
    what: 'fewer layers',
    wrong: stored((tensors) => tensors.filter(({ name }) => !name.startsWith('model.layers.5.'))),
    hint: /write ("num_hidden_layers": 5) into config\.json/,
    follow: written,
  },
  {
    code: 'CHECKPOINT_TENSORS',
    what: 'another vocabulary',
    wrong: configured((json) => ({ ...json, vocab_size: 4096 })),
    hint: /write ("vocab_size": 2048) into config\.json/,
    follow: written,
  },
  {
    code: 'CHECKPOINT_TENSORS',
    what: 'other names',
    wrong: stored((tensors) => tensors.map((tensor) => ({ ...tensor, name: `module.${tensor.name}` }))),
    // The line of Python is run by its meaning: the prefix that it names is taken off.
    hint: /name\.removeprefix\("([\w.]+)"\)/,
    follow: (room, [prefix]) => {
      const renamed = (name: string): string => (name.startsWith(prefix!) ? name.slice(prefix!.length) : name);
      rewriteWeights(room.path('checkpoint'), (tensors) =>
        tensors.map((tensor) => ({ ...tensor, name: renamed(tensor.name) })),
      );
      return judge(room);
    },
  },
];
