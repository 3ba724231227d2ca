// Hints about LoRA adapters: folders that are none, fields that are not modelled, tensors that do not fit the base.
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { rewriteJson, rewriteWeights } from '../../../src/checkpoint/checkpoint.fixture.ts';
import { fixtureOf, type HintCase, type Room, swapped } from './hint-case.fixture.ts';

const ADAPTER = 'quantised/lora';

function placeOf(adapter: string): string {
  return `${fixtureOf('tiny-qwen2')}+${adapter}`;
}

/** Judges tiny-qwen2 with an adapter that the mistake made or changed. */
const judged =
  (change: (adapter: string) => void): HintCase['wrong'] =>
  (room) => {
    const adapter = room.path('adapter');
    cpSync(fixtureOf(ADAPTER), adapter, { recursive: true });
    change(adapter);
    return room.validate('--weights', placeOf(adapter), '--prompts', room.ids());
  };

const downloadedAgain = (room: Room, _said: unknown, args: readonly string[]): string[] =>
  swapped(args, placeOf(room.path('adapter')), placeOf(fixtureOf(ADAPTER)));

export const ADAPTER_CASES: readonly HintCase[] = [
  {
    code: 'ADAPTER_BASE',
    wrong: (room) =>
      room.validate('--weights', 'general', 'instruct', '--adapter', fixtureOf(ADAPTER), '--prompts', room.ids()),
    hint: /^leave (--adapter) out and write it .*: (--weights) (\S+)$/,
    follow: (room, [_adapter, option, place]) => room.validate(option!, place!, '--prompts', room.ids()),
  },
  {
    code: 'CONFIG_UNREADABLE',
    what: 'an adapter alone',
    wrong: (room) => room.validate('--weights', fixtureOf(ADAPTER), '--prompts', room.ids()),
    hint: /(--weights) BASE(\+\S+)$/,
    follow: (_room, [_option, adapter], args) =>
      swapped(args, fixtureOf(ADAPTER), `${fixtureOf('tiny-qwen2')}${adapter}`),
  },
  {
    code: 'CHECKPOINT_NO_WEIGHTS',
    what: 'an adapter beside a config',
    wrong: (room) => {
      const adapter = room.path('adapter');
      cpSync(fixtureOf(ADAPTER), adapter, { recursive: true });
      cpSync(fixtureOf('tiny-qwen2/config.json'), path.join(adapter, 'config.json'));
      return room.validate('--weights', adapter, '--prompts', room.ids());
    },
    hint: /(--weights) BASE(\+\S+)$/,
    follow: (room, [_option, adapter], args) =>
      swapped(args, room.path('adapter'), `${fixtureOf('tiny-qwen2')}${adapter}`),
  },
  {
    code: 'ADAPTER_UNREADABLE',
    wrong: judged((adapter) => rmSync(path.join(adapter, 'adapter_config.json'))),
    hint: /name the folder that PEFT saved/,
    follow: downloadedAgain,
  },
  {
    code: 'ADAPTER_UNSUPPORTED',
    wrong: judged((adapter) => rewriteJson(adapter, 'adapter_config.json', (json) => ({ ...json, use_dora: true }))),
    hint: /merge it with the program that made it .* and name the merged folder/,
    // Any folder without an adapter stands for the merged one.
    follow: (room, _said, args) => swapped(args, placeOf(room.path('adapter')), fixtureOf('tiny-qwen2')),
  },
  {
    code: 'ADAPTER_TENSOR',
    wrong: judged((adapter) => rewriteWeights(adapter, (tensors) => tensors.slice(1), 'adapter_model.safetensors')),
    hint: /download the adapter again/,
    follow: downloadedAgain,
  },
];
