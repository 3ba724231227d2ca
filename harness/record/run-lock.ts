// The lock of a run folder: one writer, known by name; what a dead writer left behind is taken over.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { InputError } from '../../src/errors.ts';
import { guardWrite, removeIfPossible, systemCode } from './file-errors.ts';

export const LOCK_FILE = 'run.lock';

const HolderSchema = z.object({
  pid: z.int().min(1),
  host: z.string(),
  /** Of the process, as its system counts; tells it from a later process of the same number. */
  started: z.string().nullable(),
});
type Holder = z.infer<typeof HolderSchema>;

export interface RunLock {
  release(): void;
}

/**
 * @throws InputError RUN_LOCKED, naming the process that writes to the folder.
 */
export function lockRun(folder: string): RunLock {
  const file = path.join(folder, LOCK_FILE);
  if (!tryCreate(file) && !takeOver(file)) throw lockedBy(folder, file, readHolder(file));
  let isHeld = true;
  return {
    release() {
      // A lock that stays is that of a dead process as soon as this one ends.
      if (isHeld) removeIfPossible(file);
      isHeld = false;
    },
  };
}

/** Removes a dead writer's lock; a second lock around it keeps another process from removing the new one. */
function takeOver(file: string): boolean {
  const guard = `${file}.takeover`;
  if (!tryCreate(guard)) return false;
  try {
    const holder = readHolder(file);
    if (holder !== undefined && isAlive(holder)) return false;
    guardWrite(file, () => rmSync(file, { force: true }));
    return tryCreate(file);
  } finally {
    removeIfPossible(guard);
  }
}

function tryCreate(file: string): boolean {
  const holder: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  return guardWrite(file, () => {
    let fd: number;
    try {
      fd = openSync(file, 'wx');
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false;
      throw error;
    }
    try {
      writeSync(fd, `${JSON.stringify(holder)}\n`);
    } finally {
      closeSync(fd);
    }
    return true;
  });
}

/** Undefined for a lock that says nothing: its writer died before it wrote. */
function readHolder(file: string): Holder | undefined {
  try {
    return HolderSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** A process of another machine cannot be asked, so it counts as alive. */
function isAlive({ pid, host, started }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
  const now = startOf(pid);
  return now === null || started === null || now === started;
}

/** Clock ticks after boot at which a process began; null where the system does not tell (it is read from /proc). */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold spaces; the start is the 20th field after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function lockedBy(folder: string, file: string, holder: Holder | undefined): InputError {
  return new InputError(`${folder}: another process writes to this run.`, {
    code: 'RUN_LOCKED',
    facts: { found: holder === undefined ? file : `process ${holder.pid} on ${holder.host}`, wanted: 'one writer' },
    hint: `wait until it ends; if it is gone for sure, remove ${file} and try again.`,
  });
}
