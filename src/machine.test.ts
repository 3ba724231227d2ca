// Memory and threads of a process: the machine's, or what the innermost limit around it leaves.
import { availableParallelism, totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { availableMemory, defaultThreads, MAXIMUM_THREADS, type MachineFacts } from './machine.ts';

const GiB = 2 ** 30;
const NO_LIMIT_V1 = '9223372036854771712\n';

function machine(files: Readonly<Record<string, string>>, parallelism = 8): MachineFacts {
  return { freeBytes: 20 * GiB, parallelism, readText: (path) => files[path] };
}

/** As systemd, Kubernetes and Docker with a namespace of its own lay the files. */
const V2_NESTED = { '/proc/self/cgroup': '0::/kubepods/pod7/container\n' };
const V2_OWN = { '/proc/self/cgroup': '0::/\n' };
const V1_NESTED = { '/proc/self/cgroup': '4:memory:/docker/7\n3:cpu,cpuacct:/docker/7\n0::/\n' };

describe('available memory', () => {
  it.each([
    { name: 'is the free memory where nothing limits it', files: {}, wanted: 20 },
    {
      name: 'is the free memory under a limit that is larger',
      files: { ...V2_OWN, '/sys/fs/cgroup/memory.max': `${64 * GiB}`, '/sys/fs/cgroup/memory.current': `${GiB}` },
      wanted: 20,
    },
    {
      name: 'is what a limit leaves (v2)',
      files: {
        ...V2_OWN,
        '/sys/fs/cgroup/memory.max': `${2 * GiB}\n`,
        '/sys/fs/cgroup/memory.current': `${GiB / 2}\n`,
      },
      wanted: 1.5,
    },
    {
      name: 'heeds memory.high, above which everything is slowed down',
      files: {
        ...V2_OWN,
        '/sys/fs/cgroup/memory.max': 'max\n',
        '/sys/fs/cgroup/memory.high': `${3 * GiB}\n`,
        '/sys/fs/cgroup/memory.current': `${GiB}\n`,
      },
      wanted: 2,
    },
    {
      name: 'counts files in the page cache as free',
      files: {
        ...V2_OWN,
        '/sys/fs/cgroup/memory.max': `${4 * GiB}\n`,
        '/sys/fs/cgroup/memory.current': `${4 * GiB}\n`,
        '/sys/fs/cgroup/memory.stat': `anon ${GiB}\nfile ${3 * GiB}\ninactive_file ${2 * GiB}\nactive_file ${GiB}\n`,
      },
      wanted: 3,
    },
    {
      name: 'is that of an outer group which has less',
      files: {
        ...V2_NESTED,
        '/sys/fs/cgroup/kubepods/pod7/container/memory.max': 'max\n',
        '/sys/fs/cgroup/kubepods/memory.max': `${4 * GiB}\n`,
        '/sys/fs/cgroup/kubepods/memory.current': `${GiB}\n`,
      },
      wanted: 3,
    },
    {
      name: 'is what a limit leaves (v1)',
      files: {
        ...V1_NESTED,
        '/sys/fs/cgroup/memory/docker/7/memory.limit_in_bytes': `${4 * GiB}\n`,
        '/sys/fs/cgroup/memory/docker/7/memory.usage_in_bytes': `${3 * GiB}\n`,
        '/sys/fs/cgroup/memory/docker/7/memory.stat': `inactive_file 5\ntotal_inactive_file ${GiB}\ntotal_active_file 0\n`,
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': NO_LIMIT_V1,
        '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${9 * GiB}\n`,
      },
      wanted: 2,
    },
    {
      name: "is that of the container's own group, which it sees as the root (v1)",
      files: {
        ...V1_NESTED,
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${2 * GiB}\n`,
        '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${GiB}\n`,
      },
      wanted: 1,
    },
    {
      name: 'is never below nothing',
      files: { ...V2_OWN, '/sys/fs/cgroup/memory.max': `${GiB}\n`, '/sys/fs/cgroup/memory.current': `${2 * GiB}\n` },
      wanted: 0,
    },
  ])('$name', ({ files, wanted }) => {
    expect(availableMemory(machine(files)) / GiB).toBe(wanted);
  });
});

describe('default threads', () => {
  it.each([
    { name: 'are as many as there are processors', files: {}, wanted: 8 },
    { name: 'are never more than the kernels have room for', files: {}, parallelism: 256, wanted: MAXIMUM_THREADS },
    {
      name: 'are the processors of a quota (v2)',
      files: { ...V2_OWN, '/sys/fs/cgroup/cpu.max': '200000 100000\n' },
      wanted: 2,
    },
    {
      name: 'are no more than whole processors of a quota, and at least one',
      files: { ...V2_OWN, '/sys/fs/cgroup/cpu.max': '50000 100000\n' },
      wanted: 1,
    },
    {
      name: 'are all where the quota says max',
      files: { ...V2_OWN, '/sys/fs/cgroup/cpu.max': 'max 100000\n' },
      wanted: 8,
    },
    {
      name: 'are those of an outer group which has fewer',
      files: {
        ...V2_NESTED,
        '/sys/fs/cgroup/kubepods/pod7/container/cpu.max': 'max 100000\n',
        '/sys/fs/cgroup/kubepods/pod7/cpu.max': '350000 100000\n',
      },
      wanted: 3,
    },
    {
      name: 'are the processors of a quota (v1)',
      files: {
        ...V1_NESTED,
        '/sys/fs/cgroup/cpu/docker/7/cpu.cfs_quota_us': '400000\n',
        '/sys/fs/cgroup/cpu/docker/7/cpu.cfs_period_us': '100000\n',
      },
      wanted: 4,
    },
    {
      name: 'are all where the quota is -1 (v1)',
      files: {
        ...V1_NESTED,
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      wanted: 8,
    },
  ])('$name', ({ files, parallelism = 8, wanted }) => {
    expect(defaultThreads(machine(files, parallelism))).toBe(wanted);
  });
});

it('of this machine are within what it has', () => {
  expect(defaultThreads()).toBeGreaterThanOrEqual(1);
  expect(defaultThreads()).toBeLessThanOrEqual(availableParallelism());
  expect(availableMemory()).toBeGreaterThan(0);
  expect(availableMemory()).toBeLessThanOrEqual(totalmem());
});
