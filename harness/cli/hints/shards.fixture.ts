// Hints about shards and their merge: which one a job is, logs that are not of one run.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type HintCase, type Room, swapped } from './hint-case.fixture.ts';
import { run } from './runs.fixture.ts';

const auto =
  (environment: Readonly<Record<string, string>>): HintCase['wrong'] =>
  (room) => ({ args: room.validateIds('--shard', 'auto'), environment });
/** What the hint shows takes the place of what was given, in the same job. */
const shown =
  (environment: Readonly<Record<string, string>> = {}): HintCase['follow'] =>
  (_room, [value], args) => ({ args: swapped(args, 'auto', value!), environment });
const NUMBERED = /for example --shard (\d+\/\d+)\.$/;
const TWO = { CI_NODE_INDEX: '1', CI_NODE_TOTAL: '2', BUILDKITE_PARALLEL_JOB: '0', BUILDKITE_PARALLEL_JOB_COUNT: '2' };
const GAPS = {
  SLURM_ARRAY_TASK_ID: '3',
  SLURM_ARRAY_TASK_MIN: '1',
  SLURM_ARRAY_TASK_MAX: '7',
  SLURM_ARRAY_TASK_COUNT: '3',
};

const merge = (room: Room, ...folders: string[]): string[] => [
  ...['report', 'merge', ...folders, '--out', room.path('merged')],
];

/** Merges a run with another whose log was changed, as if it came from elsewhere. */
const mergeChanged =
  (from: RegExp, to: string): HintCase['wrong'] =>
  async (room) => {
    room.kept['first'] = await run(room);
    const other = await run(room);
    const log = path.join(other, 'run.jsonl');
    writeFileSync(log, readFileSync(log, 'utf8').replace(from, to));
    return merge(room, room.kept['first'], other);
  };
const leaveOut: HintCase['follow'] = (room) => merge(room, room.kept['first']!);

export const SHARD_CASES: readonly HintCase[] = [
  { code: 'SHARD_AUTO', what: 'no engine', wrong: auto({}), hint: NUMBERED, follow: shown() },
  { code: 'SHARD_AUTO', what: 'two engines', wrong: auto(TWO), hint: NUMBERED, follow: shown(TWO) },
  { code: 'SHARD_AUTO', what: 'gaps', wrong: auto(GAPS), hint: NUMBERED, follow: shown(GAPS) },
  {
    code: 'SHARD_AUTO',
    what: 'no number of shards',
    wrong: auto({ JOB_COMPLETION_INDEX: '0' }),
    hint: /^write --shard (auto\/\d+) where/,
    follow: shown({ JOB_COMPLETION_INDEX: '0' }),
  },
  {
    code: 'OPTION_VALUE',
    what: 'a shard',
    wrong: (room) => room.validateIds('--shard', '3/2'),
    hint: NUMBERED,
    follow: (_room, [value], args) => swapped(args, '3/2', value!),
  },
  {
    code: 'OPTION_VALUE',
    what: 'a number of shards',
    wrong: (room) => ['plan', '--weights', 'general', '--prompts', room.ids(), '--shards', '0'],
    hint: /for example --shards (\d+)\.$/,
    follow: (_room, [value], args) => swapped(args, '0', value!),
  },
  {
    code: 'MERGE_PLAN',
    wrong: async (room) => {
      room.kept['first'] = await run(room);
      return merge(room, room.kept['first'], await run(room, room.validateIds('--threshold', '0.5')));
    },
    hint: /or leave this log out\.$/,
    follow: leaveOut,
  },
  {
    code: 'MERGE_VERSION',
    wrong: mergeChanged(/"version":"[^"]+"/, '"version":"0.0.1"'),
    hint: /run both with one\.$/,
    follow: (room) => room.validateIds(),
  },
  {
    code: 'MERGE_SOURCE',
    wrong: mergeChanged(/"weightsSha256":"[^"]+"/, '"weightsSha256":"feed"'),
    hint: /or leave this log out\.$/,
    follow: leaveOut,
  },
  {
    code: 'MERGE_EVIDENCE',
    wrong: async (room) => {
      const folder = await run(room, room.validateIds('--device', 'n150:skipLayer=2', '--threshold', '0.9999'));
      room.kept['first'] = folder;
      renameSync(path.join(folder, 'evidence'), room.path('evidence'));
      return merge(room, folder);
    },
    hint: /^hand on the whole folder (\S+), evidence\/ included, and merge again\.$/,
    follow: (room, [folder], args) => {
      renameSync(room.path('evidence'), path.join(folder!, 'evidence'));
      return args;
    },
  },
];
