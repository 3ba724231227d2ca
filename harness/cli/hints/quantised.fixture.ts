// Hints about quantised checkpoints: what of a format is not read, and what is broken in its tensors.
import { rewriteJson, rewriteWeights } from '../../../src/checkpoint/checkpoint.fixture.ts';
import { quantisedFolder } from '../../../src/checkpoint/formats/quantised-folder.fixture.ts';
import { fixtureOf, type HintCase, type Room, swapped } from './hint-case.fixture.ts';

/** Judges a whole checkpoint out of a fixture's layers, made or changed by the mistake. */
const judged =
  (fixture: string, change: (folder: string) => void): HintCase['wrong'] =>
  (room) => {
    room.kept['folder'] = quantisedFolder(fixture, room.folder);
    change(room.kept['folder']);
    return room.validate('--weights', room.kept['folder'], '--prompts', room.ids());
  };

const writtenAgain =
  (fixture: string): HintCase['follow'] =>
  (room: Room, _said, args) =>
    swapped(args, room.kept['folder']!, quantisedFolder(fixture, room.folder));

export const QUANTISED_CASES: readonly HintCase[] = [
  {
    code: 'CONFIG_QUANTIZED',
    what: 'a method that is not read',
    wrong: judged('gptq-v2', (folder) =>
      rewriteJson(folder, 'config.json', (json) => ({ ...json, quantization_config: { quant_method: 'hqq' } })),
    ),
    hint: /^dequantise the checkpoint with the program that made it and save it as BF16/,
    follow: (room, _said, args) => swapped(args, room.kept['folder']!, fixtureOf('tiny-qwen2')),
  },
  {
    code: 'CHECKPOINT_TENSORS',
    what: 'a config without its quantization_config',
    wrong: judged('gptq-v2', (folder) =>
      rewriteJson(folder, 'config.json', ({ quantization_config: _lost, ...json }) => json),
    ),
    hint: /take config\.json, whose quantization_config says how to read it, from where the checkpoint came from/,
    follow: writtenAgain('gptq-v2'),
  },
  {
    code: 'QUANTISED_UNSUPPORTED',
    wrong: judged('gptq-v2', (folder) =>
      rewriteJson(folder, 'config.json', ({ quantization_config: settings, ...json }) => {
        return { ...json, quantization_config: { ...(settings as object), checkpoint_format: 'gptq_p' } };
      }),
    ),
    hint: /dequantise the checkpoint with the program that made it and save it as BF16/,
    // tiny-qwen2 is what the layers were made of.
    follow: (room, _said, args) => swapped(args, room.kept['folder']!, fixtureOf('tiny-qwen2')),
  },
  {
    code: 'QUANTISED_TENSOR',
    wrong: judged('awq', (folder) =>
      rewriteWeights(
        folder,
        (tensors) =>
          tensors.map((tensor) =>
            tensor.name === 'model.layers.0.mlp.up_proj.scales'
              ? { ...tensor, data: new Uint8Array(tensor.data.byteLength) }
              : tensor,
          ),
        'model-00001-of-00002.safetensors',
      ),
    ),
    hint: /download or write the checkpoint again/,
    follow: writtenAgain('awq'),
  },
];
