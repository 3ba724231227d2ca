// Hints about runs: folders, logs, resuming, one token of a run, outputs that are in the way.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { rewriteJson } from '../../../src/checkpoint/checkpoint.fixture.ts';
import { callCommand } from '../in-process.fixture.ts';
import { fixtureOf, type HintCase, type Room, swapped, without } from './hint-case.fixture.ts';
import { integers, recorded, replay, rows } from './recordings.fixture.ts';

/** Makes a run in the room and keeps its folder. */
async function run(room: Room, args: readonly string[] = room.validateIds()): Promise<string> {
  const { code, stderr } = await callCommand(args);
  expect([0, 1], stderr).toContain(code);
  return lastRun(room);
}

function lastRun(room: Room): string {
  const reports = room.path('reports');
  return path.join(
    reports,
    readdirSync(reports)
      .filter((name) => name !== 'last')
      .sort()
      .at(-1)!,
  );
}

const inspect = (room: Room, ...more: string[]): string[] => ['inspect', '--out', room.path('reports'), ...more];
const startNew: HintCase['follow'] = (room) => room.validateIds();

/** Changes the log of a run, as nobody should. */
function rewriteLog(folder: string, change: (lines: string[]) => string[]): void {
  const file = path.join(folder, 'run.jsonl');
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  writeFileSync(file, `${change(lines).join('\n')}\n`);
}

/** An inspect of a run whose log was changed. */
const inspectChanged =
  (change: (lines: string[]) => string[]): HintCase['wrong'] =>
  async (room) => {
    rewriteLog(await run(room), change);
    return inspect(room);
  };

const record = (room: Room, ...more: string[]): string[] => [
  ...['record', '--source', 'reference', '--weights', 'general', '--prompts', room.ids(), '--max-new-tokens', '0'],
  ...['--out', room.path('out.safetensors'), ...more],
];
const demo = (room: Room, out: string, ...more: string[]): string[] => [
  ...['demo', '--weights', 'general', '--max-new-tokens', '1', '--out', room.path(out), ...more],
];

export const RUN_CASES: readonly HintCase[] = [
  {
    code: 'RUN_NOT_FOUND',
    wrong: (room) => inspect(room),
    hint: /^make one with `qwen-pcc validate`/,
    follow: startNew,
  },
  {
    code: 'RUN_NOT_STARTED',
    wrong: async (room) => {
      await callCommand(room.validateIds('--threshold', '79'));
      return inspect(room);
    },
    hint: /^mend that and run it again/,
    follow: startNew,
  },
  {
    code: 'RUN_TOO_OLD',
    wrong: (room) => {
      room.write('tokens.jsonl', '');
      return ['inspect', room.folder];
    },
    hint: /^run it again with this version/,
    follow: startNew,
  },
  {
    code: 'LOG_BROKEN',
    wrong: inspectChanged((lines) => ['{}', ...lines]),
    hint: /^start a new run/,
    follow: startNew,
  },
  {
    code: 'LOG_INCONSISTENT',
    wrong: inspectChanged((lines) => lines.filter((line) => !line.includes('"position":0,'))),
    hint: /start a new run\./,
    follow: startNew,
  },
  {
    code: 'LOCAL_PATHS',
    wrong: async (room) => {
      rmSync(path.join(await run(room), 'local.json'));
      return inspect(room);
    },
    hint: /^give its checkpoint with (--weights),/,
    follow: (_room, [option], args) => [...args, option!, fixtureOf('tiny-qwen2')],
  },
  {
    code: 'LOCAL_PATHS',
    what: 'the other way',
    wrong: async (room) => {
      const folder = await run(room);
      rmSync(path.join(folder, 'local.json'));
      return ['inspect', folder];
    },
    hint: /with `qwen-pcc (inspect \S+ --stored)`/,
    follow: (_room, [words]) => words!.split(' '),
  },
  {
    code: 'LOCAL_PATHS',
    what: 'to go on with',
    wrong: async (room) => {
      const folder = await run(room);
      rmSync(path.join(folder, 'local.json'));
      return ['validate', '--resume', folder];
    },
    hint: /with `qwen-pcc (inspect \S+ --stored)`/,
    follow: (_room, [words]) => words!.split(' '),
  },
  {
    code: 'RUN_LOCKED',
    wrong: async (room) => {
      const folder = await run(room);
      rewriteLog(folder, (lines) => lines.slice(0, -1));
      // A writer on another machine cannot be asked whether it lives.
      room.write(path.relative(room.folder, path.join(folder, 'run.lock')), {
        pid: 1,
        host: `not-${hostname()}`,
        started: null,
      });
      return ['validate', '--resume', folder];
    },
    hint: /remove (\S+) and try again/,
    follow: (_room, [file], args) => {
      rmSync(file!);
      return args;
    },
  },
  {
    code: 'RESUME_DIFFERS',
    wrong: async (room) => {
      const folder = await run(room);
      return ['validate', '--resume', folder, '--threshold', '0.5', '--weights', 'general', '--prompts', room.ids()];
    },
    hint: /^write `qwen-pcc (validate --resume \S+)` alone/,
    follow: (_room, [words]) => words!.split(' '),
  },
  {
    code: 'RESUME_VERSION',
    wrong: async (room) => {
      const folder = await run(room);
      rewriteLog(folder, ([first, ...rest]) => [first!.replace(/"version":"[^"]+"/, '"version":"0.0.1"'), ...rest]);
      return ['validate', '--resume', folder];
    },
    hint: /or start a new run\.$/,
    follow: startNew,
  },
  {
    code: 'TOKEN_UNKNOWN',
    wrong: async (room) => {
      await run(room);
      return inspect(room, '--token', '99');
    },
    hint: /^write (--token) (\d+), or less/,
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
];
