// A run's folder and the log in it: made once, written by one locked writer, line by line; other files whole or not at all.
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { ComparisonInvalidError } from '../../src/errors.ts';
import { makeFolder } from '../../src/files/make-folder.ts';
import { replaceFile } from '../../src/files/replace-file.ts';
import { formatEvent, type LogEvent, type RunEvent } from './events.ts';
import { guardWrite, removeIfPossible, systemCode, writeError } from './file-errors.ts';
import { LOCAL_FILE, type LocalPaths } from './local-paths.ts';
import { LOG_FILE } from './read-log.ts';
import { lockRun, type RunLock } from './run-lock.ts';
import { withoutTiming } from './token-line.ts';

export const RUN_FILE = 'run.json';

/** Lines that a resumed run has to repeat before it writes its own. */
export interface ResumePoint {
  /** Bytes of the log that stay; what follows is cut off. */
  readonly bytes: number;
  /** Lines of the unit that was under way, which the run makes again: they must come out as they stand. */
  readonly pending: Iterable<string>;
}

/** The writer of a log. */
export class RunLog {
  /** Path of the folder, as the caller gave it. */
  readonly folder: string;
  readonly #lock: RunLock;
  readonly #fd: number;
  /** Bytes of its complete lines. */
  #bytes: number;
  readonly #pending: Iterator<string, undefined>;
  /** The line that the next event must repeat. */
  #expected: string | undefined;
  #isOpen = true;

  private constructor(folder: string, lock: RunLock, pending: Iterable<string>) {
    this.folder = folder;
    this.#lock = lock;
    this.#pending = pending[Symbol.iterator]();
    const file = path.join(folder, LOG_FILE);
    this.#fd = guardWrite(file, () => openSync(file, 'a'));
    this.#bytes = guardWrite(file, () => fstatSync(this.#fd).size);
    this.#expectNext();
  }

  /**
   * Makes `parent/<UTC time>/`, with a number behind it if it exists, writes the log's first line and points `parent/last` to it.
   *
   * @param local - undefined where nobody knows where the run's files are.
   * @throws InputError when the folder cannot be made.
   */
  static create(
    parent: string,
    run: Omit<RunEvent, 'runId'>,
    local: LocalPaths | undefined,
  ): { log: RunLog; run: RunEvent } {
    const folder = makeRunFolder(parent, run.startedAt);
    const event: RunEvent = { ...run, event: 'run', runId: path.basename(folder) };
    const log = new RunLog(folder, lockRun(folder), []);
    try {
      if (local !== undefined) log.writeFile(LOCAL_FILE, `${JSON.stringify(local, null, 2)}\n`);
      log.append(event);
    } catch (error) {
      log.close();
      throw error;
    }
    pointLastTo(parent, event.runId);
    return { log, run: event };
  }

  /** A folder of reports without a log, for a run that could not start; `parent/last` points to it. */
  static createReport(parent: string, startedAt: string, files: Readonly<Record<string, string>>): void {
    const folder = makeRunFolder(parent, startedAt);
    for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content);
    pointLastTo(parent, path.basename(folder));
  }

  /**
   * Goes on in a folder that is locked already and whose log was read up to `point`.
   *
   * @param lock - taken over: closing the log releases it.
   */
  static goOn(folder: string, lock: RunLock, point: ResumePoint): RunLog {
    const file = path.join(folder, LOG_FILE);
    guardWrite(file, () => {
      const fd = openSync(file, 'r+');
      try {
        if (fstatSync(fd).size > point.bytes) ftruncateSync(fd, point.bytes);
      } finally {
        closeSync(fd);
      }
    });
    return new RunLog(folder, lock, point.pending);
  }

  /**
   * Writes an event as one line; a resumed run first repeats the lines that are there.
   *
   * @returns the line, without its end.
   * @throws InputError DISK_FULL, with everything before it kept; ComparisonInvalidError RESUME_DIFFERS.
   */
  append(event: LogEvent): string {
    const line = formatEvent(event);
    if (this.#expected === undefined) this.#appendLine(line);
    else {
      requireRepeated(this.#expected, line, this.folder);
      this.#expectNext();
    }
    return line;
  }

  /** Whether the next event repeats a line that the log has. */
  get isRepeating(): boolean {
    return this.#expected !== undefined;
  }

  /** Writes a whole file, or leaves the one that is there. */
  writeFile(name: string, content: string | Uint8Array): void {
    const target = path.join(this.folder, name);
    guardWrite(target, () => {
      makeFolder(path.dirname(target));
      replaceFile(target, content);
    });
  }

  /** @param write - writes the file at the path it is given; not called for a file that is there already. */
  keepFile(name: string, write: (file: string) => void): void {
    const target = path.join(this.folder, name);
    if (existsSync(target)) return;
    guardWrite(target, () => {
      makeFolder(path.dirname(target));
      write(target);
    });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#pending.return?.();
    closeSync(this.#fd);
    this.#lock.release();
  }

  /** If the disk is full, the file keeps its complete lines only; where not even that can be had, a resumed run cuts off what is not complete. */
  #appendLine(line: string): void {
    const text = `${line}\n`;
    const length = Buffer.byteLength(text);
    try {
      // As text, since that copies it once less; what a disk took only a part of goes on as bytes.
      let written = writeSync(this.#fd, text);
      if (written < length) {
        const bytes = Buffer.from(text);
        while (written < length) written += writeSync(this.#fd, bytes, written);
      }
    } catch (error) {
      try {
        if (fstatSync(this.#fd).size > this.#bytes) ftruncateSync(this.#fd, this.#bytes);
      } catch {
        // The first error says more.
      }
      throw writeError(error, path.join(this.folder, LOG_FILE));
    }
    this.#bytes += length;
  }

  #expectNext(): void {
    this.#expected = this.#pending.next().value;
  }
}

function requireRepeated(before: string, line: string, folder: string): void {
  const [recorded, computed] = [withoutTiming(before), withoutTiming(line)];
  if (recorded === computed) return;
  let at = 0;
  while (recorded[at] === computed[at]) at++;
  const around = (text: string): string => text.slice(Math.max(0, at - 30), at + 50);
  throw new ComparisonInvalidError(`${folder}: the resumed run does not repeat what its log has.`, {
    code: 'RESUME_DIFFERS',
    facts: { recorded: `…${around(recorded)}…`, 'this run': `…${around(computed)}…` },
    hint: 'the files, this machine or this version give other numbers; start a new run.',
  });
}

function makeRunFolder(parent: string, startedAt: string): string {
  const stamp = startedAt.replace(/\.\d+Z$/, 'Z').replaceAll(':', '-');
  return guardWrite(parent, () => {
    makeFolder(parent);
    for (let i = 1; ; i++) {
      const candidate = path.join(parent, i === 1 ? stamp : `${stamp}-${i}`);
      try {
        mkdirSync(candidate);
        return candidate;
      } catch (error) {
        // Another run began in the same second.
        if (systemCode(error) !== 'EEXIST') throw error;
      }
    }
  });
}

/** `last` is a convenience for people; a file system without links goes without it. */
function pointLastTo(parent: string, runId: string): void {
  const link = path.join(parent, 'last');
  const fresh = path.join(parent, `.last-${runId}`);
  try {
    symlinkSync(runId, fresh, 'dir');
    renameSync(fresh, link);
  } catch {
    removeIfPossible(fresh);
  }
}
