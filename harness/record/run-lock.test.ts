// The lock of a run folder where two processes meet: who is alive, who is taking over, what a refused one reads.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LOCK_FILE, lockRun } from './run-lock.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-lock-'));
  file = path.join(folder, LOCK_FILE);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const hold = (holder: object): void => writeFileSync(file, JSON.stringify(holder));
/** Clock ticks after boot, the 22nd field of /proc/PID/stat; the name before it may hold anything but a line end. */
const started = (pid: number): string =>
  /^\d+ \(.*\) (?:\S+ ){19}(\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))![1]!;

describe('lockRun', () => {
  it('writes who holds it, on one line, and leaves nothing else behind', () => {
    const lock = lockRun(folder);
    const text = readFileSync(file, 'utf8');
    expect(text.endsWith('}\n')).toBe(true);
    expect(JSON.parse(text)).toEqual({ pid: process.pid, host: hostname(), started: started(process.pid) });
    expect(readdirSync(folder)).toEqual([LOCK_FILE]);
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    { name: 'that began when it says', holder: () => ({ started: started(process.pid) }) },
    { name: 'whose system does not tell when it began', holder: () => ({ started: null }) },
  ])('respects a living process $name', ({ holder }) => {
    hold({ pid: process.pid, host: hostname(), ...holder() });
    expect(() => lockRun(folder)).toThrow(expect.objectContaining({ code: 'RUN_LOCKED' }));
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject(holder());
    expect(readdirSync(folder)).toEqual([LOCK_FILE]);
  });

  it('leaves no guard behind when it takes over', () => {
    hold({ pid: 4_194_303, host: hostname(), started: '1' });
    lockRun(folder).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('keeps away from a lock that another process is taking over', () => {
    hold({ pid: 4_194_303, host: hostname(), started: '1' });
    writeFileSync(`${file}.takeover`, '');
    expect(() => lockRun(folder)).toThrow(
      expect.objectContaining({ facts: { found: `process 4194303 on ${hostname()}`, wanted: 'one writer' } }),
    );
    expect(existsSync(`${file}.takeover`)).toBe(true);
  });

  it('takes a process of another machine for alive, whatever this machine knows of its number', () => {
    hold({ pid: 4_194_303, host: 'elsewhere', started: '1' });
    expect(() => lockRun(folder)).toThrow(expect.objectContaining({ code: 'RUN_LOCKED' }));
  });

  it.each([
    { code: 'EPERM', isTaken: false },
    { code: 'ESRCH', isTaken: true },
  ])('asks the system for a process: $code', ({ code, isTaken }) => {
    hold({ pid: 4_194_303, host: hostname(), started: null });
    const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
      throw Object.assign(new Error(code), { code });
    });
    if (isTaken) lockRun(folder).release();
    else expect(() => lockRun(folder)).toThrow(expect.objectContaining({ code: 'RUN_LOCKED' }));
    expect(kill).toHaveBeenCalledWith(4_194_303, 0);
  });

  it('is released also when somebody removed its file', () => {
    const lock = lockRun(folder);
    rmSync(file);
    expect(() => lock.release()).not.toThrow();
  });

  it('names the folder, the file where it knows no process, and what to do', () => {
    writeFileSync(file, 'half a li');
    writeFileSync(`${file}.takeover`, '');
    expect(() => lockRun(folder)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(`${folder}: another process writes to this run.`),
        facts: { found: file, wanted: 'one writer' },
        hint: `wait until it ends; if it is gone for sure, remove ${file} and try again.`,
      }),
    );
  });

  it('names the file when the folder is none', () => {
    expect(() => lockRun(path.join(folder, 'none'))).toThrow(
      expect.objectContaining({ code: 'WRITE_FAILED', message: expect.stringContaining(LOCK_FILE) }),
    );
  });
});
