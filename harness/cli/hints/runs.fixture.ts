// Hints about run folders: none, unstarted, changed, locked, from elsewhere, made by another plan or version.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { callCommand } from '../in-process.fixture.ts';
import { fixtureOf, type HintCase, type Room } from './hint-case.fixture.ts';

/** Makes a run in the room, in the folder that the words name. @returns its own. */
export async function run(
  room: Room,
  args: readonly string[] = room.validateIds(),
  reports = 'reports',
): Promise<string> {
  const { code, stderr } = await callCommand(args);
  expect([0, 1], stderr).toContain(code);
  return lastRun(room.path(reports));
}

function lastRun(reports: string): string {
  return path.join(
    reports,
    readdirSync(reports)
      .filter((name) => name !== 'last')
      .sort()
      .at(-1)!,
  );
}

export const inspect = (room: Room, ...more: string[]): string[] => ['inspect', '--out', room.path('reports'), ...more];
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
    code: 'NOTHING_BESIDE',
    wrong: async (room) => {
      const first = await run(room);
      const other = room.write('other.json', [{ name: 'b', ids: [5, 6] }]);
      await callCommand(room.validate('--weights', 'general', '--prompts', other));
      return ['report', first, '--beside', lastRun(room.path('reports'))];
    },
    hint: /leave (--beside) out/,
    follow: (_room, [option], args) => args.slice(0, args.indexOf(option!)),
  },
  {
    code: 'BROWSER',
    wrong: async (room) => ({
      args: ['report', await run(room), '--open'],
      // No opener of any system is found there.
      environment: { PATH: room.folder },
    }),
    hint: /^open (\S+) by hand/,
    follow: (room, [file]) => {
      expect(existsSync(file!)).toBe(true);
      return ['report', path.dirname(file!), '--out', room.path('reports')];
    },
  },
];
