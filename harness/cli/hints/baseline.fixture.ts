// Hints about baselines: none, a file that is none, of another plan, a run that cannot be accepted, a worse one without a reason.
import { readFileSync, writeFileSync } from 'node:fs';
import { callCommand } from '../in-process.fixture.ts';
import { type HintCase, type Room, without } from './hint-case.fixture.ts';
import { run } from './runs.fixture.ts';

const update = (room: Room, ...more: string[]): string[] => [
  'baseline',
  'update',
  '--out',
  room.path('reports'),
  ...more,
];
const beside = (room: Room, ...more: string[]): string[] => room.validateIds('--baseline', ...more);

/** A room with a run that was accepted. */
async function accept(room: Room): Promise<void> {
  await run(room);
  await callCommand(update(room));
}

export const BASELINE_CASES: readonly HintCase[] = [
  {
    code: 'HISTORY_FOLDER',
    wrong: (room) => ['history', room.path('reports')],
    hint: /^name where `validate --out` put them, or make a run with `qwen-pcc (validate)`\.$/,
    follow: (room) => room.validateIds(),
  },
  {
    code: 'HISTORY_LENS',
    wrong: async (room) => {
      await run(room, room.validateIds());
      await run(room, room.validateIds('--out', room.path('elsewhere')));
      return ['history', room.path('reports'), '--lens', room.path('elsewhere/last')];
    },
    hint: /^name the folder that it lies in too/,
    follow: (room) => ['history', room.path('reports'), room.path('elsewhere'), '--lens', room.path('elsewhere/last')],
  },
  {
    code: 'BASELINE_MISSING',
    wrong: async (room) => {
      room.kept['run'] = await run(room);
      return beside(room);
    },
    hint: /then accept that run: `qwen-pcc baseline update RUN --baseline (\S+)`\.$/,
    follow: (room, [file]) => update(room, room.kept['run']!, '--baseline', file!),
  },
  {
    code: 'BASELINE_FILE',
    what: 'what is no baseline',
    wrong: async (room) => {
      await accept(room);
      room.kept['text'] = readFileSync(room.path('reports/baseline.json'), 'utf8');
      writeFileSync(room.path('reports/baseline.json'), '{"schemaVersion":"1.0.0"}');
      return beside(room);
    },
    hint: /^take the file back from git/,
    follow: (room, _said, args) => {
      writeFileSync(room.path('reports/baseline.json'), room.kept['text']!);
      return args;
    },
  },
  {
    code: 'BASELINE_FILE',
    what: 'a folder',
    wrong: async (room) => {
      await accept(room);
      return beside(room, room.path('reports'));
    },
    hint: /^take the file back from git/,
    follow: (room) => beside(room),
  },
  {
    code: 'BASELINE_DIFFERS',
    what: 'other tokens',
    wrong: async (room) => {
      await accept(room);
      return [
        'validate',
        '--out',
        room.path('reports'),
        '--weights',
        'general',
        '--prompts',
        room.ids([5, 7]),
        '--max-new-tokens',
        '0',
        '--baseline',
      ];
    },
    hint: /^give the options of that run, or run without --baseline/,
    follow: (_room, _said, args) => without(args, '--baseline', 0),
  },
  {
    code: 'BASELINE_RUN',
    what: 'a run that fails',
    wrong: async (room) => {
      await run(room, room.validateIds('--threshold', '0.9999999'));
      return update(room);
    },
    hint: /add --accept-fail --reason TEXT\.$/,
    follow: (_room, _said, args) => [...args, '--accept-fail', '--reason', 'what it says'],
  },
  {
    code: 'BASELINE_RUN',
    what: 'a shard',
    wrong: async (room) => {
      const prompts = room.write('two.json', [
        { name: 'a', ids: [5, 6] },
        { name: 'b', ids: [5, 7] },
      ]);
      for (const shard of ['1/2', '2/2']) {
        await run(room, room.validate('--weights', 'general', '--prompts', prompts, '--shard', shard));
      }
      return update(room);
    },
    hint: /^merge the shards with `qwen-pcc report merge`/,
    follow: (room) => ['report', 'merge', room.path('reports'), '--out', room.path('merged')],
  },
  {
    code: 'BASELINE_REASON',
    wrong: async (room) => {
      await accept(room);
      await run(room, room.validateIds('--device', 'n150:kvFormat=BF16'));
      return update(room);
    },
    hint: /say why: --reason TEXT\.$/,
    follow: (_room, _said, args) => [...args, '--reason', 'another device'],
  },
];
