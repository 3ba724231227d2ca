// Which shard a job is, by the variables of five engines as their manuals have them, and what is refused.
import { describe, expect, it } from 'vitest';
import { chooseShard, parseShard, shardCount } from './shard-choice.ts';

const slurm = (id: number, min: number, max: number, count: number, step?: number): Record<string, string> => ({
  SLURM_ARRAY_TASK_ID: String(id),
  SLURM_ARRAY_TASK_MIN: String(min),
  SLURM_ARRAY_TASK_MAX: String(max),
  SLURM_ARRAY_TASK_COUNT: String(count),
  ...(step === undefined ? {} : { SLURM_ARRAY_TASK_STEP: String(step) }),
});

describe('--shard auto', () => {
  it.each([
    {
      what: 'GitLab counts from 1',
      given: 'auto',
      environment: { CI_NODE_INDEX: '1', CI_NODE_TOTAL: '4' },
      is: [1, 4],
    },
    { what: 'the last of GitLab', given: 'auto', environment: { CI_NODE_INDEX: '4', CI_NODE_TOTAL: '4' }, is: [4, 4] },
    { what: 'an array from 0', given: 'auto', environment: slurm(0, 0, 15, 16), is: [1, 16] },
    { what: 'an array from 1', given: 'auto', environment: slurm(7, 1, 7, 7, 1), is: [7, 7] },
    { what: 'an array with a step', given: 'auto', environment: slurm(8, 0, 12, 4, 4), is: [3, 4] },
    {
      what: 'Kubernetes, which does not count',
      given: 'auto/5',
      environment: { JOB_COMPLETION_INDEX: '4' },
      is: [5, 5],
    },
    {
      what: 'Buildkite counts from 0',
      given: 'auto',
      environment: { BUILDKITE_PARALLEL_JOB: '0', BUILDKITE_PARALLEL_JOB_COUNT: '3' },
      is: [1, 3],
    },
    {
      what: 'CircleCI counts from 0',
      given: 'auto/2',
      environment: { CIRCLE_NODE_INDEX: '1', CIRCLE_NODE_TOTAL: '2' },
      is: [2, 2],
    },
    // GitLab sets the total in every job.
    {
      what: 'a total alone is no engine',
      given: 'auto',
      environment: { CI_NODE_TOTAL: '1', ...slurm(2, 1, 3, 3) },
      is: [2, 3],
    },
  ])('$what', ({ given, environment, is: [index, count] }) => {
    expect(chooseShard(parseShard(given), environment)).toEqual({ index, count });
  });

  it.each([
    {
      what: 'no engine',
      given: 'auto',
      environment: { CI_NODE_INDEX: '' },
      says: /nothing says[\s\S]*CI_NODE_INDEX, SLURM/,
    },
    {
      what: 'two engines',
      given: 'auto',
      environment: { CI_NODE_INDEX: '2', CI_NODE_TOTAL: '3', ...slurm(0, 0, 1, 2) },
      says: /several engines[\s\S]*CI_NODE_INDEX=2 \(GitLab\), SLURM_ARRAY_TASK_ID=0 \(Slurm\)/,
    },
    { what: 'Kubernetes without a number', given: 'auto', environment: { JOB_COMPLETION_INDEX: '0' }, says: /auto\/4/ },
    { what: 'an array with gaps', given: 'auto', environment: slurm(3, 1, 7, 3), says: /SLURM_ARRAY_TASK_COUNT=3/ },
    {
      what: 'an index that is none',
      given: 'auto',
      environment: { CI_NODE_INDEX: 'x', CI_NODE_TOTAL: '3' },
      says: /CI_NODE_INDEX=x/,
    },
    {
      what: 'an index beyond',
      given: 'auto/2',
      environment: { JOB_COMPLETION_INDEX: '2' },
      says: /JOB_COMPLETION_INDEX=2/,
    },
    {
      what: 'GitLab from 0',
      given: 'auto',
      environment: { CI_NODE_INDEX: '0', CI_NODE_TOTAL: '3' },
      says: /CI_NODE_INDEX=0/,
    },
    { what: 'no total', given: 'auto', environment: { BUILDKITE_PARALLEL_JOB: '0' }, says: /BUILDKITE_PARALLEL_JOB=0/ },
    {
      what: 'another number',
      given: 'auto/4',
      environment: { CI_NODE_INDEX: '1', CI_NODE_TOTAL: '3' },
      says: /CI_NODE_TOTAL=3/,
    },
  ])('is refused for $what', ({ given, environment, says }) => {
    const call = (): unknown => chooseShard(parseShard(given), environment);
    expect(call).toThrow(says);
    expect(call).toThrow(expect.objectContaining({ code: 'SHARD_AUTO', exitCode: 2 }));
  });
});

describe('--shard', () => {
  it('takes a place and a number, whatever the variables say', () => {
    expect(chooseShard(parseShard('2/7'), { CI_NODE_INDEX: '1', CI_NODE_TOTAL: '3' })).toEqual({ index: 2, count: 7 });
  });

  it.each(['', '0/3', '4/3', '1', '1/0', '1/2/3', '-1/3', '1.5/3', 'auto/0', 'auto/', 'Auto', '1/99999', ' 1/2'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseShard(text)).toThrow(expect.objectContaining({ code: 'OPTION_VALUE' }));
    },
  );

  it.each(['0', '-1', 'x', '10001', '1e3'])('refuses %s shards', (text) => {
    expect(() => shardCount('--shards')(text)).toThrow(/--shards must be a whole number from 1 to 10000/);
  });
});
