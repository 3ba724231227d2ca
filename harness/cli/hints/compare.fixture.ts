// Hints of `qwen-pcc compare`: what is no entrant, what is no variant of the base, runs that answer other questions, nothing judged.
import { callCommand } from '../in-process.fixture.ts';
import { fixtureOf, type HintCase, type Room, swapped, without } from './hint-case.fixture.ts';
import { run } from './runs.fixture.ts';

const BASE = fixtureOf('tiny-qwen2');
/** The same weights in another format. */
const VARIANT = fixtureOf('quantised/gguf/tiny-qwen2.gguf');

/** A comparison of two tokens, whose report stays in the room. */
const compare = (room: Room, ...words: string[]): string[] => [
  ...['compare', ...words, '--out', room.path('reports'), '--prompts', room.ids(), '--max-new-tokens', '0'],
];

/** What a hint's `qwen-pcc compare BASE VARIANT` is with the reader's own words. */
const written = (room: Room, words: string): string[] =>
  compare(room, ...words.replace('BASE', BASE).replace('VARIANT', VARIANT).split(' '));

/** A run folder of its own, of two ids or others. */
const runOf = (room: Room, name: string, ids?: readonly number[]): Promise<string> =>
  run(
    room,
    ['validate', '--weights', 'general', '--out', room.path(name), '--max-new-tokens', '0', '--prompts', room.ids(ids)],
    name,
  );

export const COMPARE_CASES: readonly HintCase[] = [
  {
    code: 'COMPARE_ARGUMENT',
    wrong: () => ['compare'],
    hint: /^write `qwen-pcc compare (BASE VARIANT)`/,
    follow: (room, [words]) => written(room, words!),
  },
  {
    code: 'COMPARE_ARGUMENT',
    what: 'a base alone',
    wrong: (room) => compare(room, BASE),
    hint: /or give (--recipes) ([\w,.-]+)\.$/,
    follow: (_room, [option, names], args) => [...args, option!, names!],
  },
  {
    code: 'COMPARE_ARGUMENT',
    what: 'a recipe with a slip',
    wrong: (room) => compare(room, BASE, 'bfp4-mpl'),
    hint: /^did you mean (\S+)\?/,
    follow: (_room, [name], args) => swapped(args, 'bfp4-mpl', name!),
  },
  {
    code: 'COMPARE_ARGUMENT',
    what: 'weights of nothing',
    wrong: () => ['compare', BASE, '--weights-only'],
    hint: /^write `qwen-pcc compare (BASE VARIANT --weights-only)`/,
    follow: (_room, [words]) => ['compare', ...words!.replace('BASE', BASE).replace('VARIANT', VARIANT).split(' ')],
  },
  {
    code: 'COMPARE_DEVICE',
    wrong: (room) => compare(room, BASE, 'n150:kvFormat=BF16', '--device', 'none'),
    hint: /^leave (--device) out/,
    follow: (_room, [option], args) => without(args, option!),
  },
  {
    code: 'COMPARE_DEVICE',
    what: 'a recording',
    wrong: async (room) => {
      const file = room.path('recorded.safetensors');
      const side = ['--source', 'n150', '--weights', 'general', '--prompts', room.ids(), '--max-new-tokens', '0'];
      await callCommand(['record', ...side, '--out', file]);
      return compare(room, BASE, VARIANT, '--device', `capture:${file}`);
    },
    hint: /^name it as a variant: qwen-pcc compare BASE (\S+)\.$/,
    follow: (room, [recording]) => compare(room, BASE, recording!),
  },
  {
    code: 'COMPARE_RUNS',
    wrong: async (room) => {
      room.kept['a'] = await runOf(room, 'a');
      room.kept['b'] = await runOf(room, 'b');
      return ['compare', room.kept['a'], room.kept['b'], BASE];
    },
    hint: /^write `qwen-pcc compare (RUN_A RUN_B)`/,
    follow: (room, [words]) => [
      'compare',
      ...words!.replace('RUN_A', room.kept['a']!).replace('RUN_B', room.kept['b']!).split(' '),
    ],
  },
  {
    code: 'RUNS_DIFFER',
    wrong: async (room) => {
      room.kept['a'] = await runOf(room, 'a');
      return ['compare', room.kept['a'], await runOf(room, 'b', [7, 8])];
    },
    hint: /^make run B again with the prompts, limits and reference of run A/,
    // The runs of one folder are named by the second they began in, or a number behind it.
    follow: (room) => ['compare', room.kept['a']!, room.kept['a']!],
  },
  {
    code: 'COMPARE_EMPTY',
    wrong: (room) => compare(room, BASE, VARIANT, '--budget', '0.0001s'),
    hint: /^go on with `qwen-pcc (compare --resume)`/,
    follow: (room, [words]) => [...words!.split(' '), '--out', room.path('reports')],
  },
  {
    code: 'COMPARE_SHAPES',
    wrong: () => ['compare', fixtureOf('golden-hf/quirk-config-v5'), VARIANT, '--weights-only'],
    hint: /^name the checkpoint that the variant was made from as the base/,
    follow: (_room, _said, args) => swapped(args, fixtureOf('golden-hf/quirk-config-v5'), BASE),
  },
  {
    code: 'NOT_A_VARIANT',
    wrong: (room) => compare(room, BASE, fixtureOf('tiny-qwen2-instruct')),
    hint: /`qwen-pcc (validate) (--device-weights)` judges any two checkpoints of one shape/,
    follow: (room, [_command, option]) => room.validateIds(option!, fixtureOf('tiny-qwen2-instruct')),
  },
];
