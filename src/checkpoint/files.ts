// Files of a checkpoint as they come from anywhere: only regular ones are opened, and one that is something else is called by its name.
import { closeSync, openSync, readFileSync, readlinkSync, readSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { InputError, QwenPccError } from '../errors.ts';
import { type FileKind, KIND_BYTES, whatIsThisFile } from './what-is-this-file.ts';

/** A config of a thousand layers takes 30 KB, the index of the largest model 200 KB. */
export const JSON_BYTES_MAX: number = 64 * 2 ** 20;

/**
 * Refuses what cannot be read from its beginning again and again: opening a named pipe waits for a writer for ever, and a device has
 * no end.
 *
 * @throws InputError `FILE_UNREADABLE`, `FILE_KIND`.
 */
export function requireRegularFile(path: string): Stats {
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (stats.isFile()) return stats;
  throw new InputError(`${path}: this is not a regular file.`, {
    code: 'FILE_KIND',
    facts: { found: kindOf(stats), wanted: 'a regular file, or a link to one' },
    hint: stats.isDirectory()
      ? 'move the folder away and put the file of that name in its place'
      : 'copy what it delivers into a file and name that',
  });
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

/** Opens a regular file for the time of `use`. */
export function withFile<T>(path: string, use: (file: number, bytes: number) => T): T {
  const { size } = requireRegularFile(path);
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return use(file, size);
  } catch (cause) {
    if (cause instanceof QwenPccError) throw cause;
    throw unreadable(path, cause);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** What a file is, if it is something that it should not be. */
export function recogniseFile(path: string): FileKind | undefined {
  return withFile(path, (file) => {
    const bytes = new Uint8Array(KIND_BYTES);
    return whatIsThisFile(bytes.subarray(0, readSync(file, bytes, 0, KIND_BYTES, 0)), path);
  });
}

export interface JsonErrors {
  /** Code of the error for a file that is no JSON. */
  readonly code: string;
  /** For a file that is missing, or is no JSON for an unknown reason. */
  readonly hint: string;
}

/** Parses a JSON file. @throws InputError with the code asked for; `FILE_KIND` for a pipe or device. */
export function readJsonFile(path: string, { code, hint }: JsonErrors): unknown {
  let found: string;
  try {
    const { size } = requireRegularFile(path);
    if (size <= JSON_BYTES_MAX) return JSON.parse(readFileSync(path, 'utf8'));
    found = `${size} bytes, at most ${JSON_BYTES_MAX} are read`;
  } catch (cause) {
    if (cause instanceof QwenPccError && cause.code === 'FILE_KIND') throw cause;
    const unread = cause instanceof QwenPccError;
    const kind = unread ? undefined : recogniseFile(path);
    if (kind !== undefined) throw misplaced(path, kind, code, 'JSON');
    found = unread ? String(cause.facts['found']) : (cause as Error).message;
    if (!unread && readFileSync(path, 'utf8').startsWith('\ufeff')) {
      const facts = { found: 'a byte order mark (EF BB BF) before the JSON' };
      const advice = 'save the file as UTF-8 without a byte order mark (BOM)';
      throw new InputError(`${path}: the file begins with a byte order mark.`, { code, facts, hint: advice, cause });
    }
    throw new InputError(`${path}: the file cannot be read as JSON.`, { code, facts: { found }, hint, cause });
  }
  throw new InputError(`${path}: the file is too large for what it should be.`, { code, facts: { found }, hint });
}

/** What is said of a file that is recognisably something else. */
export function misplaced(path: string, { what, hint }: FileKind, code: string, wanted: string): InputError {
  return new InputError(`${path}: the file is ${what}.`, {
    code,
    facts: { wanted },
    ...(hint === undefined ? {} : { hint }),
  });
}

/** What is said when the system refuses to read a file. */
export function unreadable(path: string, cause: unknown): InputError {
  const { code: system, message } = cause as NodeJS.ErrnoException;
  const target = system === 'ENOENT' ? danglingTarget(path) : undefined;
  return new InputError(`${path}: the file cannot be opened or read.`, {
    code: 'FILE_UNREADABLE',
    facts: { found: target === undefined ? message : `a link to ${target}, which is not there` },
    hint: hintFor(path, system, target),
    cause,
  });
}

function hintFor(path: string, system: string | undefined, target: string | undefined): string {
  if (target !== undefined) return 'download the checkpoint again: the cache that the link points into is incomplete';
  if (system === 'ENOENT' && !exists(dirname(path))) return `check the path: there is no folder ${dirname(path)}`;
  if (system === 'EACCES' || system === 'EPERM') return 'check the permissions of the file and its folders';
  return 'check the path';
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function danglingTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
