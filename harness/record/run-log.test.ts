// Facts about logs on disk: complete lines only, one writer, nothing half written, folders told apart however many begin at once.
import fs, {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TOY_LOCAL, toyCase, toyHeader, toySpec } from '../run/toy-run.fixture.ts';
import { findRunFolder, LOG_FILE, readLog, readRunEvent } from './read-log.ts';
import { LOCK_FILE, lockRun } from './run-lock.ts';
import { RunLog } from './run-log.ts';
import { tokenRecordExample } from './token-record.fixture.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-log-'));
});
afterEach(() => {
  rmSync(parent, { recursive: true, force: true });
});

const create = (): RunLog => RunLog.create(parent, toyHeader(toySpec([toyCase('a')])), TOY_LOCAL).log;
const token = (position: number) => ({ event: 'token', ...tokenRecordExample({ position }) }) as const;
const positions = (folder: string): number[] =>
  [...readLog(folder)].flatMap(({ event }) => (event.event === 'token' ? [event.position] : []));

describe('RunLog', () => {
  it('is named by its time in UTC, with a number when that name is taken', () => {
    const [first, second] = [create(), create()];
    expect([first, second].map(({ folder }) => path.basename(folder))).toEqual([
      '2026-11-24T10-43-10Z',
      '2026-11-24T10-43-10Z-2',
    ]);
    expect(readRunEvent(path.join(parent, 'last')).runId).toBe('2026-11-24T10-43-10Z-2');
    first.close();
    second.close();
  });

  it('takes the next number when another process made the folder between the look and the making', () => {
    // What stands there is no folder that a look would find: a link to nowhere.
    symlinkSync('nowhere', path.join(parent, '2026-11-24T10-43-10Z'));
    const log = create();
    expect(path.basename(log.folder)).toBe('2026-11-24T10-43-10Z-2');
    log.close();
  });

  it('is read up to its last line end', () => {
    const log = create();
    log.append(token(0));
    log.append(token(1));
    log.close();
    appendFileSync(path.join(log.folder, LOG_FILE), '{"event":"tok');
    expect(positions(log.folder)).toEqual([0, 1]);
  });

  it('repeats the lines that are there before it writes its own, and refuses to write others', () => {
    const log = create();
    log.append(token(0));
    log.close();
    const file = path.join(log.folder, LOG_FILE);
    const text = readFileSync(file, 'utf8');
    const pending = text.split('\n').slice(1, -1);
    const goOn = (): RunLog =>
      RunLog.goOn(log.folder, lockRun(log.folder), { bytes: Buffer.byteLength(text), pending });
    const same = goOn();
    same.append(token(0));
    same.append(token(1));
    same.close();
    expect(positions(log.folder)).toEqual([0, 1]);
    const other = goOn();
    expect(() => other.append({ event: 'token', ...tokenRecordExample({ position: 0, pcc: 0.5 }) })).toThrow(
      expect.objectContaining({ code: 'RESUME_DIFFERS', exitCode: 4 }),
    );
    other.close();
  });

  it('names file and line of what is no event', () => {
    const log = create();
    log.close();
    appendFileSync(path.join(log.folder, LOG_FILE), '{"variant":3}\n');
    expect(() => [...readLog(log.folder)]).toThrow(/run\.jsonl: line 2 is not a line that a run wrote/);
  });

  it('has whole lines where a disk takes seven bytes at a time, be they half a character', () => {
    const log = create();
    const { writeSync } = fs;
    const bytesOf = (data: string | Uint8Array): Buffer => Buffer.from(data as string);
    const slow = (fd: number, data: string | Uint8Array, from = 0) => {
      const bytes = bytesOf(data);
      return writeSync(fd, bytes, from, Math.min(7, bytes.length - from));
    };
    Object.assign(fs, { writeSync: slow });
    syncBuiltinESMExports();
    try {
      for (let position = 0; position < 7; position++) {
        log.append({ event: 'token', ...tokenRecordExample({ position, text: '🦕'.repeat(position) }) });
      }
    } finally {
      Object.assign(fs, { writeSync });
      syncBuiltinESMExports();
    }
    log.close();
    expect(positions(log.folder)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const texts = [...readLog(log.folder)].flatMap(({ event }) => (event.event === 'token' ? [event.text] : []));
    expect(texts[6]).toBe('🦕'.repeat(6));
  });

  it('keeps its complete lines when the disk is full', () => {
    const folder = mkdtempSync(path.join(parent, 'full-'));
    symlinkSync('/dev/full', path.join(folder, LOG_FILE));
    const log = RunLog.goOn(folder, lockRun(folder), { bytes: 0, pending: [] });
    expect(() => log.append(token(0))).toThrow(
      expect.objectContaining({ code: 'DISK_FULL', hint: expect.stringContaining('--resume') }),
    );
    log.close();
  });

  it('leaves no half written file behind', () => {
    const log = create();
    log.writeFile('summary.md', 'a');
    log.writeFile('summary.md', 'b');
    log.close();
    expect(readFileSync(path.join(log.folder, 'summary.md'), 'utf8')).toBe('b');
    expect(readdirSync(log.folder).sort()).toEqual(['local.json', 'run.jsonl', 'summary.md']);
  });
});

describe('the lock', () => {
  it('refuses a second writer by the name of the first', () => {
    const log = create();
    expect(() => lockRun(log.folder)).toThrow(
      expect.objectContaining({
        code: 'RUN_LOCKED',
        exitCode: 2,
        facts: { found: expect.stringContaining(`process ${process.pid}`), wanted: 'one writer' },
      }),
    );
    log.close();
    lockRun(log.folder).release();
    expect(existsSync(path.join(log.folder, LOCK_FILE))).toBe(false);
  });

  it.each([
    { holder: 'a process that is gone', text: '{"pid":4194303,"host":"HOST","started":"1"}' },
    { holder: 'a later process of the same number', text: `{"pid":${process.pid},"host":"HOST","started":"1"}` },
    { holder: 'a writer that was killed before it wrote its name', text: '' },
  ])('of $holder is taken over', async ({ text }) => {
    const { hostname } = await import('node:os');
    writeFileSync(path.join(parent, LOCK_FILE), text.replace('HOST', hostname()));
    const lock = lockRun(parent);
    expect(JSON.parse(readFileSync(path.join(parent, LOCK_FILE), 'utf8'))).toMatchObject({ pid: process.pid });
    lock.release();
  });

  it('of another machine is respected', () => {
    writeFileSync(path.join(parent, LOCK_FILE), '{"pid":1,"host":"elsewhere","started":null}');
    expect(() => lockRun(parent)).toThrow(/process 1 on elsewhere/);
  });
});

describe('findRunFolder', () => {
  it('accepts a folder, a file in it, a run id, and nothing for the last run', () => {
    const log = create();
    log.close();
    const id = path.basename(log.folder);
    for (const given of [log.folder, path.join(log.folder, 'run.json'), id, undefined]) {
      expect(readdirSync(findRunFolder(given, parent))).toEqual(readdirSync(log.folder));
    }
  });

  it('says where it looked', () => {
    expect(() => findRunFolder('elsewhere', parent)).toThrow(
      expect.objectContaining({ code: 'RUN_NOT_FOUND', exitCode: 2 }),
    );
  });

  it('says that a folder is of the version before', () => {
    writeFileSync(path.join(parent, 'tokens.jsonl'), '');
    expect(() => findRunFolder(parent, parent)).toThrow(expect.objectContaining({ code: 'RUN_TOO_OLD' }));
  });

  it('says that the last run did not start', () => {
    RunLog.createReport(parent, '2026-11-24T10:43:10.000Z', {
      'error.json': '{"failure":{"message":"no such folder"}}',
    });
    expect(() => findRunFolder(undefined, parent)).toThrow(
      expect.objectContaining({ code: 'RUN_NOT_STARTED', facts: { found: 'no such folder' } }),
    );
  });
});
