// What this process may use of the machine: memory and processors, within the limits of the control groups (containers) around it.
// Source: the kernel's documentation of cgroup v2 (memory.max, memory.stat, cpu.max) and v1 (memory.limit_in_bytes, cpu.cfs_quota_us).
import { readFileSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';

/** Most threads of a side: the kernels' shared memory has room for the counters of as many (`job-layout.ts`). */
export const MAXIMUM_THREADS = 224;

/** Where the facts come from; tests bring their own. */
export interface MachineFacts {
  /** Memory to be had without swapping, page cache counted as free, control groups aside. */
  readonly freeBytes: number;
  /** Processors that the process may run on, control groups aside. */
  readonly parallelism: number;
  /** A file's text, undefined if it cannot be read. */
  readText(path: string): string | undefined;
}

const HERE: MachineFacts = {
  // On Linux these are MemAvailable of /proc/meminfo and the processors of the affinity mask.
  get freeBytes() {
    return freemem();
  },
  get parallelism() {
    return availableParallelism();
  },
  readText,
};

/**
 * Bytes that may still be allocated without swapping and without being killed for it.
 *
 * Not `process.availableMemory()`: that counts files in the page cache as used where there is a limit, so after one read of a large
 * checkpoint there would be next to nothing.
 */
export function availableMemory(facts: MachineFacts = HERE): number {
  const roomV2 = groupFolders(facts, 'memory', 2).map((folder) => {
    const number = numbersOf(facts, folder);
    const most = Math.min(number('memory.max'), number('memory.high'));
    return room(most, number('memory.current'), fileBytes(facts, `${folder}/memory.stat`, ''));
  });
  const roomV1 = groupFolders(facts, 'memory', 1).map((folder) => {
    const number = numbersOf(facts, folder);
    const used = number('memory.usage_in_bytes');
    return room(number('memory.limit_in_bytes'), used, fileBytes(facts, `${folder}/memory.stat`, 'total_'));
  });
  return Math.min(facts.freeBytes, ...roomV2, ...roomV1);
}

/** As many as can run at once: of the processors, of a container's share of them, of the kernels. */
export function defaultThreads(facts: MachineFacts = HERE): number {
  const sharesV2 = groupFolders(facts, 'cpu', 2).map((folder) => {
    const [quota, period] = (facts.readText(`${folder}/cpu.max`) ?? '').trim().split(/\s+/);
    return processors(numberOf(quota), numberOf(period));
  });
  const sharesV1 = groupFolders(facts, 'cpu', 1).map((folder) => {
    const number = numbersOf(facts, folder);
    return processors(number('cpu.cfs_quota_us'), number('cpu.cfs_period_us'));
  });
  return Math.min(facts.parallelism, MAXIMUM_THREADS, ...sharesV2, ...sharesV1);
}

/** Whole processors of a quota: a thread more would only make all of them wait for the next period. */
function processors(quota: number, period: number): number {
  return quota > 0 && Number.isFinite(quota) && period > 0 ? Math.max(1, Math.floor(quota / period)) : Infinity;
}

/** What is left below a limit when the page cache has made way. */
function room(most: number, used: number, reclaimable: number): number {
  return Number.isFinite(most) && Number.isFinite(used)
    ? Math.max(0, most - Math.max(0, used - reclaimable))
    : Infinity;
}

/** Of a group: bytes of files in the page cache. */
function fileBytes({ readText }: MachineFacts, path: string, prefix: string): number {
  const stat = readText(path) ?? '';
  const bytes = ['inactive_file', 'active_file'].map(
    (name) => new RegExp(`^${prefix}${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? '0',
  );
  return bytes.reduce((sum, text) => sum + Number(text), 0);
}

/**
 * Folders of the groups that this process is in, innermost first, up to the root: a limit of any of them counts. Those that are not to be
 * seen from inside a container have no files and no limit; what a container sees as the root is its own group then.
 */
function groupFolders({ readText }: MachineFacts, controller: string, version: 1 | 2): string[] {
  for (const line of (readText('/proc/self/cgroup') ?? '').split('\n')) {
    const [, number, controllers, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    const isWanted =
      version === 2 ? number === '0' && controllers === '' : controllers?.split(',').includes(controller) === true;
    if (!isWanted || path === undefined) continue;
    const steps = path.split('/').filter((step) => step !== '');
    const ancestors = steps.map((_, i) => `/${steps.slice(0, steps.length - i).join('/')}`);
    const mounts = version === 2 ? ['', '/unified'] : [`/${controllers}`, `/${controller}`];
    return mounts.flatMap((mount) => [...ancestors, ''].map((ancestor) => `/sys/fs/cgroup${mount}${ancestor}`));
  }
  return [];
}

/** Reads numbers of a group's files; Infinity for what is not there or says `max`. */
function numbersOf({ readText }: MachineFacts, folder: string): (file: string) => number {
  return (file) => numberOf(readText(`${folder}/${file}`));
}

function numberOf(text: string | undefined): number {
  return text !== undefined && /^\s*-?\d+\s*$/.test(text) ? Number(text) : Infinity;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
