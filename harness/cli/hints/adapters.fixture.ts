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
