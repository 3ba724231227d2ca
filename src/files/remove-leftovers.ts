// Takes away what killed writers left in a folder: temporary files of processes that are gone.
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A temporary file of a dead process is left alone this long: its writer may live on another machine. */
const LEFTOVER_MS = 600_000;

/** @param writerOf - the process that writes a temporary file of this name, or wrote it; undefined for every other file. */
export function removeLeftovers(folder: string, writerOf: (fileName: string) => number | undefined): void {
  for (const name of readdirSync(folder)) {
    const pid = writerOf(name);
    if (pid === undefined || isAlive(pid)) continue;
    const path = join(folder, name);
    const modified = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - modified > LEFTOVER_MS) rmSync(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
