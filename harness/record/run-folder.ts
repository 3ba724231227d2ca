// A run's folder under reports/: lines appended as tokens are judged, whole files written under another name first.
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { InputError } from '../../src/errors.ts';
import { readInput, readTokenRecords, TOKENS_FILE } from './read-run-folder.ts';
import { formatTokenLine, type TokenRecord } from './token-record.ts';

/** Rows kept as evidence: each is two rows of V float32, 1.2 MB at Qwen2-7B's vocabulary. */
export const EVIDENCE_ROWS_MAX = 20;

export const PLAN_FILE = 'plan.json';
export const RUN_FILE = 'run.json';

/** A folder that a run writes to. */
export class RunFolder {
  /** Name of the folder, e.g. `2026-11-24T10-43-10Z`. */
  readonly runId: string;
  /** Path of the folder, as the caller gave its parent. */
  readonly folder: string;
  /** Records of an earlier run that is resumed, in order; empty for a new run. */
  readonly resumedRecords: readonly TokenRecord[];
  private readonly tokensFd: number;
  private evidenceRows: number;
  private isOpen = true;

  private constructor(folder: string, resumedRecords: readonly TokenRecord[]) {
    this.folder = folder;
    this.runId = path.basename(path.resolve(folder));
    this.resumedRecords = resumedRecords;
    this.evidenceRows = resumedRecords.filter(({ evidence }) => evidence !== null).length;
    this.tokensFd = openSync(path.join(folder, TOKENS_FILE), 'a');
  }

  /**
   * Makes `parent/<UTC time>/`, with a number behind it if it exists, and points `parent/last` to it.
   *
   * @throws InputError when the folder cannot be made.
   */
  static create(parent: string, startedAt: Date, plan: unknown): RunFolder {
    const stamp = startedAt
      .toISOString()
      .replace(/\.\d+Z$/, 'Z')
      .replaceAll(':', '-');
    const folder = guardWrite(parent, () => {
      mkdirSync(parent, { recursive: true });
      for (let i = 1; ; i++) {
        const candidate = path.join(parent, i === 1 ? stamp : `${stamp}-${i}`);
        if (existsSync(candidate)) continue;
        mkdirSync(candidate);
        return candidate;
      }
    });
    const run = new RunFolder(folder, []);
    run.pin(PLAN_FILE, plan);
    pointLastTo(parent, run.runId);
    return run;
  }

  /**
   * Opens a folder to go on after its last complete record; an incomplete last line is dropped.
   *
   * @throws InputError when the folder is no run's or was made with another plan or other sources.
   */
  static resume(folder: string, plan: unknown): RunFolder {
    readInput(path.join(folder, PLAN_FILE));
    requireSame(folder, PLAN_FILE, plan);
    const tokensPath = path.join(folder, TOKENS_FILE);
    const { records, completeBytes } = readTokenRecords(tokensPath);
    const fd = openSync(tokensPath, 'r+');
    ftruncateSync(fd, completeBytes);
    closeSync(fd);
    return new RunFolder(folder, records);
  }

  /**
   * Writes what must not change between a run and its resumption; if the file is there already, both must be equal.
   *
   * @throws InputError RESUME_DIFFERS, naming the first field that differs.
   */
  pin(name: string, value: unknown): void {
    if (existsSync(path.join(this.folder, name))) requireSame(this.folder, name, value);
    else this.writeFile(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Appends one record as one line. @throws InputError DISK_FULL, with everything before it kept. */
  append(record: TokenRecord): void {
    appendLine(this.tokensFd, `${formatTokenLine(record)}\n`, path.join(this.folder, TOKENS_FILE));
  }

  /** Writes a whole file: under another name first, so that nobody reads half of it. */
  writeFile(name: string, content: string | Uint8Array): void {
    const target = path.join(this.folder, name);
    guardWrite(target, () => {
      mkdirSync(path.dirname(target), { recursive: true });
      const temporary = `${target}.partial`;
      try {
        writeFileSync(temporary, content);
        renameSync(temporary, target);
      } catch (error) {
        rmSync(temporary, { force: true });
        throw error;
      }
    });
  }

  /**
   * Keeps both rows of a failing token while there is room for it.
   *
   * @param write - writes the file at the path it is given; called only if the rows are kept.
   * @returns the path relative to the folder, or null when the limit is reached.
   */
  keepEvidence(name: string, write: (file: string) => void): string | null {
    const file = `evidence/${name.replaceAll(/[^\w.-]+/g, '_')}.safetensors`;
    const target = path.join(this.folder, file);
    if (existsSync(target)) return file;
    if (this.evidenceRows >= EVIDENCE_ROWS_MAX) return null;
    this.evidenceRows++;
    guardWrite(target, () => mkdirSync(path.dirname(target), { recursive: true }));
    write(target);
    return file;
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    closeSync(this.tokensFd);
  }
}

/**
 * Appends a line to an open file; if the disk is full, the file keeps its complete lines only.
 *
 * @throws InputError DISK_FULL or WRITE_FAILED, naming the file.
 */
export function appendLine(fd: number, line: string, file: string): void {
  const sizeBefore = fstatSync(fd).size;
  try {
    appendFileSync(fd, line);
  } catch (error) {
    if (fstatSync(fd).size > sizeBefore) ftruncateSync(fd, sizeBefore);
    throw writeError(error, file);
  }
}

function requireSame(folder: string, name: string, value: unknown): void {
  const recorded: unknown = JSON.parse(readInput(path.join(folder, name)).toString('utf8'));
  const difference = firstDifference(recorded, JSON.parse(JSON.stringify(value)), name);
  if (difference === undefined) return;
  throw new InputError(`${folder} was made with another plan or other sources, so it cannot be resumed.`, {
    code: 'RESUME_DIFFERS',
    facts: { field: difference.path, recorded: difference.a, 'this run': difference.b },
    hint: 'repeat the command of that run with --resume added, or start a new run.',
  });
}

/** Path and both values of the first place where two JSON values differ. */
function firstDifference(a: unknown, b: unknown, at: string): { path: string; a: string; b: string } | undefined {
  if (isObject(a) && isObject(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const inner = firstDifference(a[key], b[key], Array.isArray(a) ? `${at}[${key}]` : `${at}.${key}`);
      if (inner !== undefined) return inner;
    }
    return undefined;
  }
  return a === b ? undefined : { path: at, a: shorten(a), b: shorten(b) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** `last` is a convenience for people; a file system without links goes without it. */
function pointLastTo(parent: string, runId: string): void {
  const link = path.join(parent, 'last');
  try {
    rmSync(link, { force: true });
    symlinkSync(runId, link, 'dir');
  } catch {
    return;
  }
}

function guardWrite<T>(file: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw writeError(error, file);
  }
}

function writeError(error: unknown, file: string): InputError {
  const isFull = error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
  const found = error instanceof Error ? error.message : String(error);
  return new InputError(`${file}: ${isFull ? 'the disk is full.' : 'cannot be written.'}`, {
    code: isFull ? 'DISK_FULL' : 'WRITE_FAILED',
    facts: { found },
    hint: isFull
      ? 'what was judged so far is kept; make room and go on with --resume.'
      : 'choose a folder that can be written to with --out.',
    cause: error,
  });
}
