// Hints about one token of a run, about outputs that are in the way, and about what the device and synthesize need.
import { rewriteJson } from '../../../src/checkpoint/checkpoint.fixture.ts';
import { callCommand } from '../in-process.fixture.ts';
import { fixtureOf, type HintCase, type Room, swapped, without } from './hint-case.fixture.ts';
import { integers, recorded, replay, rows } from './recording-parts.fixture.ts';
import { inspect, run } from './runs.fixture.ts';

const record = (room: Room, ...more: string[]): string[] => [
  ...['record', '--source', 'reference', '--weights', 'general', '--prompts', room.ids(), '--max-new-tokens', '0'],
  ...['--out', room.path('out.safetensors'), ...more],
];
const demo = (room: Room, out: string, ...more: string[]): string[] => [
  ...['demo', '--weights', 'general', '--max-new-tokens', '1', '--out', room.path(out), ...more],
];

export const TOKEN_AND_OUTPUT_CASES: readonly HintCase[] = [
  {
    code: 'TOKEN_UNKNOWN',
    wrong: async (room) => {
      await run(room);
      return inspect(room, '--token', '99');
    },
    hint: /^write (--token) (\d+), the nearest/,
    follow: (_room, [, position], args) => swapped(args, '99', position!),
  },
  {
    code: 'NO_FAILING_TOKEN',
    wrong: async (room) => {
      await run(room);
      return inspect(room, '--first');
    },
    hint: /the worst one with (--worst)\.$/,
    follow: (_room, [worst], args) => swapped(args, '--first', worst!),
  },
  {
    code: 'PROMPT_UNKNOWN',
    what: 'in a run',
    wrong: async (room) => {
      await run(room);
      return inspect(room, '--prompt', 'aa');
    },
    hint: /name a (\w+) that the run has|did you mean --prompt (\S+)\?/,
    follow: (_room, _said, args) => swapped(args, 'aa', 'a'),
  },
  {
    code: 'TOKEN_AMBIGUOUS',
    wrong: async (room) => {
      recorded(room, {
        'prompt.a b.input_ids': integers([5, 6]),
        'prompt.a b.logits': rows(2),
        'prompt.c d.input_ids': integers([6, 5]),
        'prompt.c d.logits': rows(2),
      });
      await run(room, replay(room));
      return inspect(room, '--token', '1');
    },
    hint: /for example the worst: (--prompt) '(.+?)'/,
    follow: (_room, [option, name], args) => [...args, option!, name!],
  },
  {
    code: 'WEIGHTS_DIFFER',
    wrong: async (room) => {
      await run(room);
      return inspect(room, '--weights', fixtureOf('tiny-qwen2-instruct'));
    },
    hint: /look at what is stored with (--stored)\.$/,
    follow: (_room, [option], args) => [...without(args, '--weights'), option!],
  },
  {
    code: 'TAP_UNKNOWN',
    wrong: async (room) => {
      await run(room);
      return inspect(room, '--taps', 'layers.0.mlp.ou');
    },
    hint: /^did you mean (\S+)\?$/,
    follow: (_room, [tap], args) => swapped(args, 'layers.0.mlp.ou', tap!),
  },
  {
    code: 'TAP_UNKNOWN',
    what: 'to be recorded',
    wrong: (room) => record(room, '--taps', 'layers.7.out'),
    hint: /^did you mean (\S+)\?$/,
    follow: (_room, [tap], args) => swapped(args, 'layers.7.out', tap!),
  },
  {
    code: 'FILE_EXISTS',
    wrong: (room) => {
      room.write('out.safetensors', '');
      return record(room);
    },
    hint: /replace it with (--force)\.$/,
    follow: (_room, [force], args) => [...args, force!],
  },
  {
    code: 'FILE_EXISTS',
    what: 'of the demo',
    wrong: (room) => {
      room.write('demo.json', '');
      return demo(room, 'demo.json');
    },
    hint: /replace it with (--force)\.$/,
    follow: (_room, [force], args) => [...args, force!],
  },
  {
    code: 'FILE_WRITE',
    wrong: (room) => demo(room, 'nowhere/demo.json'),
    hint: /another --out, in a folder that exists/,
    follow: (room) => demo(room, 'demo.json'),
  },
  {
    code: 'WRITE_FAILED',
    wrong: (room) => {
      room.write('reports', 'a file');
      return room.validateIds();
    },
    hint: /a folder that can be written to with (--out)/,
    follow: (room, [option], args) => [...args, option!, room.path('others')],
  },
  {
    code: 'RECORDING_WEIGHTS',
    what: 'two to be recorded',
    wrong: (room) => record(room, '--weights', 'general', 'instruct'),
    hint: /^give one folder with --weights/,
    follow: (room) => record(room),
  },
  {
    code: 'WEIGHTS_TOO_LARGE',
    wrong: (room) => room.validateIds('--memory', '1'),
    hint: /give a folder with (--weight-cache) DIR/,
    follow: (room, [option], args) => [...args, option!, room.path('cache')],
  },
  {
    code: 'CORE_DESCRIPTOR_GRID',
    wrong: (room) => ({
      args: room.validateIds(),
      environment: {
        WH_ARCH_YAML: room.write(
          'small.yaml',
          'nebula_x1:\n  1:\n    compute_with_storage_grid_range:\n      start: [0, 0]\n      end: [1, 1]\n',
        ),
      },
    }),
    hint: /for example (\S+\.yaml)\.$/,
    follow: (_room, [name], args) => ({ args, environment: { WH_ARCH_YAML: name! } }),
  },
  {
    code: 'MODEL_NAME',
    wrong: (room) => ['synthesize', '--like', 'Qwen2-70B', room.checkpoint()],
    hint: /^did you mean (\S+)\?$/,
    follow: (_room, [name], args) => swapped(args, 'Qwen2-70B', name!),
    leadsTo: 'FOLDER_NOT_EMPTY',
  },
  {
    code: 'FOLDER_UNUSABLE',
    wrong: (room) => ['synthesize', '--like', 'Qwen2-7B', room.write('file', '')],
    hint: /^give another folder/,
    follow: (room, _said, args) => swapped(args, room.path('file'), room.checkpoint()),
    leadsTo: 'FOLDER_NOT_EMPTY',
  },
  {
    code: 'FOLDER_NOT_EMPTY',
    wrong: (room) => ['synthesize', '--like', 'Qwen2-72B', '--layers', '2000', room.checkpoint()],
    hint: /the model files in it with (--force)\.$/,
    follow: (_room, [force], args) => [...args, force!],
    leadsTo: 'DISK_FULL',
  },
  {
    code: 'VECTOR_FOLDER',
    wrong: (room) => ['doctor', '--weights', 'general', '--vectors', room.path('none')],
    hint: /are in (fixtures\/vectors)$/,
    follow: (room, [folder], args) => swapped(args, room.path('none'), folder!),
  },
  {
    code: 'GRID_TOO_SMALL',
    wrong: (room) => {
      const folder = room.checkpoint();
      const heads = { num_attention_heads: 16, num_key_value_heads: 8 };
      rewriteJson(folder, 'config.json', (json) => ({ ...json, ...heads }));
      return swapped(room.validateIds('--device', 'n150:gridRows=1'), 'general', folder);
    },
    hint: /or the knob (gridRows)\.$/,
    follow: (_room, [knob], args) => swapped(args, 'n150:gridRows=1', `n150:${knob}=8`),
  },
  {
    code: 'BUNDLE_ROWS',
    wrong: async (room) => {
      await run(room);
      return inspect(room, '--token', '1', '--stored', '--bundle', room.path('token.zip'));
    },
    hint: /leave (--stored) out/,
    follow: (_room, [stored], args) => args.filter((word) => word !== stored),
  },
  {
    code: 'BUNDLE_WEIGHTS',
    wrong: async (room) => {
      await run(room, room.validate('--weights', fixtureOf('quantised/gguf/tiny-qwen2.gguf'), '--prompts', room.ids()));
      return inspect(room, '--token', '1', '--bundle', room.path('token.zip'), '--with-weights');
    },
    hint: /leave (--with-weights) out/,
    follow: (_room, [weights], args) => args.filter((word) => word !== weights),
  },
  {
    code: 'BUNDLE_BROKEN',
    wrong: async (room) => {
      await run(room);
      return ['replay', room.write('token.zip', 'cut')];
    },
    hint: /write it anew with `qwen-pcc (inspect --token) N (--bundle) FILE`/,
    follow: (room, [command, option]) => inspect(room, command!.split(' ')[1]!, '1', option!, room.path('token.zip')),
  },
  {
    code: 'BUNDLE_RERUN',
    wrong: async (room) => {
      await run(room);
      await callCommand(inspect(room, '--token', '1', '--bundle', room.path('token.zip')));
      return ['replay', room.path('token.zip'), '--rerun'];
    },
    hint: /name it with (--weights) DIR/,
    follow: (_room, [weights], args) => [
      ...args.filter((word) => word !== '--rerun'),
      weights!,
      fixtureOf('tiny-qwen2'),
    ],
  },
  {
    code: 'COMPARISON_RECORDS',
    wrong: async (room) => {
      await run(room);
      return inspect(room, '--token', '1', '--stored', '--ttnn-records', room.write('other.json', '{}'));
    },
    hint: /name REPORT(\S+), as/,
    follow: (room, [suffix], args) =>
      swapped(
        args,
        room.path('other.json'),
        room.write(`report${suffix}`, {
          tensors: [],
          local_tensor_comparison_records: [],
          global_tensor_comparison_records: [],
        }),
      ),
  },
  {
    code: 'WHY_STORED',
    wrong: async (room) => {
      await run(room, room.validateIds('--device', 'n150:tier=fp32,storedFormats=true'));
      return inspect(room, '--token', '1', '--why');
    },
    hint: /leave (--why) out/,
    follow: (_room, [why], args) => args.filter((word) => word !== why),
  },
];
