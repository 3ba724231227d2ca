// Makes a folder and those above it, one at a time: Node's own recursive mkdir never ends where the system says ENOENT for a
// folder whose parent exists, as /proc does.
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** @throws the system's error for the first folder that cannot be made, or ENOTDIR where a file is in the way. */
export function makeFolder(folder: string): void {
  const missing: string[] = [];
  let above = path.resolve(folder);
  while (statSync(above, { throwIfNoEntry: false }) === undefined && path.dirname(above) !== above) {
    missing.push(above);
    above = path.dirname(above);
  }
  // Says so if the last one that exists is a file.
  if (!statSync(above).isDirectory()) throw notAFolder(above);
  for (const one of missing.reverse()) {
    try {
      mkdirSync(one);
    } catch (error) {
      // Another process was quicker.
      if (statSync(one, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
    }
  }
}

function notAFolder(file: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`ENOTDIR: not a directory, mkdir '${file}'`), {
    code: 'ENOTDIR',
    syscall: 'mkdir',
    path: file,
  });
}
