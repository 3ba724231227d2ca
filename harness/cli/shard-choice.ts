// Which shard a machine is: written down as i/n, or read off the variables of the engine that started it.
import { UsageError } from '../../src/errors.ts';
import type { RunShard } from '../record/events.ts';

/** What `--shard` asks for. `auto/n` says how many there are where the engine does not. */
export type ShardRequest = RunShard | { readonly auto: true; readonly count: number | undefined };

export const SHARD_HELP =
  'do only this share of the plan, from 1/n to n/n, or auto: as GitLab, Slurm arrays, Buildkite or CircleCI number this job; auto/n in a Kubernetes Indexed Job. `report merge` makes one run of all';

type Variables = Readonly<Record<string, string | undefined>>;

interface Engine {
  readonly name: string;
  /** The variable that tells whether the engine started this process. */
  readonly index: string;
  /** 0-based; @param read - a variable that has to be a whole number. */
  readonly indexOf: (read: (variable: string) => number) => number;
  /** Undefined where the engine does not say. */
  readonly countOf: (read: (variable: string) => number) => number | undefined;
}

const ENGINES: readonly Engine[] = [
  {
    name: 'GitLab',
    index: 'CI_NODE_INDEX',
    indexOf: (read) => read('CI_NODE_INDEX') - 1,
    countOf: (read) => read('CI_NODE_TOTAL'),
  },
  {
    name: 'Slurm',
    index: 'SLURM_ARRAY_TASK_ID',
    indexOf: (read) => (read('SLURM_ARRAY_TASK_ID') - read('SLURM_ARRAY_TASK_MIN')) / read('SLURM_ARRAY_TASK_STEP'),
    countOf: (read) => {
      const count = read('SLURM_ARRAY_TASK_COUNT');
      const steps = (read('SLURM_ARRAY_TASK_MAX') - read('SLURM_ARRAY_TASK_MIN')) / read('SLURM_ARRAY_TASK_STEP');
      // A list such as 1,3,7 has fewer tasks than its range has steps: nobody could tell which of them this is.
      return steps + 1 === count ? count : Number.NaN;
    },
  },
  {
    name: 'Kubernetes',
    index: 'JOB_COMPLETION_INDEX',
    indexOf: (read) => read('JOB_COMPLETION_INDEX'),
    countOf: () => undefined,
  },
  {
    name: 'Buildkite',
    index: 'BUILDKITE_PARALLEL_JOB',
    indexOf: (read) => read('BUILDKITE_PARALLEL_JOB'),
    countOf: (read) => read('BUILDKITE_PARALLEL_JOB_COUNT'),
  },
  {
    name: 'CircleCI',
    index: 'CIRCLE_NODE_INDEX',
    indexOf: (read) => read('CIRCLE_NODE_INDEX'),
    countOf: (read) => read('CIRCLE_NODE_TOTAL'),
  },
];

/** @throws UsageError OPTION_VALUE. */
export function parseShard(text: string): ShardRequest {
  const [, auto, index, slash] = /^(?:(auto)|(\d+))(?:\/(\d+))?$/.exec(text) ?? [];
  const count = slash === undefined ? undefined : Number(slash);
  if (auto !== undefined && isCount(count ?? 1)) return { auto: true, count };
  if (index !== undefined && count !== undefined && isCount(count) && Number(index) >= 1 && Number(index) <= count) {
    return { index: Number(index), count };
  }
  throw new UsageError(`--shard must be i/n with i from 1 to n, auto or auto/n; got "${text}".`, {
    code: 'OPTION_VALUE',
    hint: 'for example --shard 1/4.',
  });
}

/** More machines than anyone has; a slip of the finger must not fill the memory. */
const SHARDS_MAX = 10_000;

function isCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 1 && count <= SHARDS_MAX;
}

/** @returns a reader of a number of shards. */
export function shardCount(option: string): (text: string) => number {
  return (text) => {
    if (/^\d+$/.test(text) && isCount(Number(text))) return Number(text);
    throw new UsageError(`${option} must be a whole number from 1 to ${SHARDS_MAX}; got "${text}".`, {
      code: 'OPTION_VALUE',
      hint: `for example ${option} 4.`,
    });
  };
}

/** @throws UsageError SHARD_AUTO if the variables do not tell which shard this is. */
export function chooseShard(request: ShardRequest, environment: Variables): RunShard {
  if (!('auto' in request)) return request;
  const set = ENGINES.filter(({ index }) => isSet(environment[index]));
  const [engine] = set;
  if (engine === undefined || set.length > 1) {
    const found = set.map(({ name, index }) => `${index}=${environment[index]} (${name})`).join(', ');
    throw new UsageError(
      set.length > 1 ? 'several engines say which shard this is.' : 'nothing says which shard this is.',
      {
        code: 'SHARD_AUTO',
        facts: { found: found || 'none of them', wanted: `one of ${ENGINES.map(({ index }) => index).join(', ')}` },
        hint: 'write which of how many it is, for example --shard 1/4.',
      },
    );
  }
  const read = (variable: string): number => readWhole(environment, variable);
  const [index, said] = [engine.indexOf(read), engine.countOf(read)];
  const count = said ?? request.count;
  if (count === undefined) throw countMissing(engine);
  const isWhole = isCount(count) && Number.isSafeInteger(index) && index >= 0 && index < count;
  if (!isWhole || (request.count !== undefined && request.count !== count)) {
    throw unreadable(environment, engine, request.count);
  }
  return { index: index + 1, count };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}

/** NaN where it is none: `unreadable` shows what stands there. */
function readWhole(environment: Variables, variable: string): number {
  const text = environment[variable] ?? (variable === 'SLURM_ARRAY_TASK_STEP' ? '1' : '');
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

function countMissing({ name, index }: Engine): UsageError {
  return new UsageError(`${name} does not say how many shards there are.`, {
    code: 'SHARD_AUTO',
    facts: { found: index, wanted: 'their number too' },
    hint: 'write --shard auto/4 where there are 4: the number of completions.',
  });
}

const PREFIX = /^(CI_NODE|SLURM_ARRAY_TASK|JOB_COMPLETION|BUILDKITE_PARALLEL|CIRCLE_NODE)_/;

function unreadable(environment: Variables, { name, index }: Engine, count: number | undefined): UsageError {
  const prefix = PREFIX.exec(index)![0];
  const found = Object.entries(environment).filter(([variable]) => variable.startsWith(prefix));
  return new UsageError(`the variables of ${name} do not number one of its jobs.`, {
    code: 'SHARD_AUTO',
    facts: {
      found: found.map(([variable, value]) => `${variable}=${value}`).join(', '),
      wanted: `a place among ${count === undefined ? 'all' : `${count}`} jobs, without gaps`,
    },
    hint: 'write which of how many it is, for example --shard 1/4.',
  });
}
