// A log that is gone on with, and the other files of its folder: what is kept, what is cut off, what is never written twice.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TOY_LOCAL, toyCase, toyHeader, toySpec } from '../run/toy-run.fixture.ts';
import { LOCAL_FILE } from './local-paths.ts';
import { openFiles } from './open-files.fixture.ts';
import { LOG_FILE } from './read-log.ts';
import { LOCK_FILE, lockRun } from './run-lock.ts';
import { type ResumePoint, RunLog } from './run-log.ts';
import { formatTokenLine } from './token-line.ts';
import { tokenRecordExample } from './token-record.fixture.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-resume-'));
});
afterEach(() => {
  rmSync(parent, { recursive: true, force: true });
});

const create = (): RunLog => RunLog.create(parent, toyHeader(toySpec([toyCase('a')])), TOY_LOCAL).log;
const token = (position: number, pcc = 0.9987) =>
  ({ event: 'token', ...tokenRecordExample({ position, pcc }) }) as const;
const textOf = (folder: string): string => readFileSync(path.join(folder, LOG_FILE), 'utf8');

/** The folder of a run that was closed after these tokens. */
function closedAfter(...positions: number[]): string {
  const log = create();
  for (const position of positions) log.append(token(position));
  log.close();
  return log.folder;
}
const goOn = (folder: string, point: ResumePoint): RunLog => RunLog.goOn(folder, lockRun(folder), point);

describe('a log that is gone on with', () => {
  it('loses what a killed writer left after its last line end, and nothing before', () => {
    const folder = closedAfter(0);
    const before = textOf(folder);
    appendFileSync(path.join(folder, LOG_FILE), '{"event":"tok');
    goOn(folder, { bytes: Buffer.byteLength(before), pending: [] }).close();
    expect(textOf(folder)).toBe(before);
  });

  it('says whether it still repeats, hands out each line, and writes only what is new', () => {
    const folder = closedAfter(0, 1);
    const before = textOf(folder);
    const pending = before.split('\n').slice(2, -1);
    const log = goOn(folder, { bytes: Buffer.byteLength(before), pending });
    expect(log.isRepeating).toBe(true);
    expect(log.append(token(1))).toBe(pending[0]);
    expect(log.isRepeating).toBe(false);
    expect(textOf(folder)).toBe(before);
    const line = log.append(token(2));
    log.close();
    expect(textOf(folder)).toBe(`${before}${line}\n`);
  });

  it('shows both lines around the first character that differs', () => {
    const folder = closedAfter(0);
    const before = textOf(folder);
    const log = goOn(folder, { bytes: Buffer.byteLength(before), pending: before.split('\n').slice(1, -1) });
    expect(() => log.append(token(0, 0.9123))).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(`${folder}: the resumed run does not repeat what its log has.`),
        facts: {
          // 30 characters before the digit that differs, 50 from it on.
          recorded: expect.stringMatching(/^….{27}0\.9987.{47}…$/),
          'this run': expect.stringMatching(/^….{27}0\.9123.{47}…$/),
        },
        hint: expect.stringContaining('start a new run'),
      }),
    );
    log.close();
  });

  it.each([
    {
      name: 'behind characters of two units',
      before: { text: `${'🙂'.repeat(20)}ab` },
      now: { text: `${'🙂'.repeat(20)}xy` },
      recorded: `…${'🙂'.repeat(15)}ab"`,
      computed: `…${'🙂'.repeat(15)}xy"`,
    },
    {
      name: 'where one line has nothing more',
      before: {},
      now: { evidence: 'evidence/a' },
      recorded: '[9.25,9.5]}…',
      computed: '[9.25,9.5]},"evidence":"evidence/a"…',
    },
  ])('shows the place of a difference $name', ({ before, now, recorded, computed }) => {
    const folder = closedAfter();
    const line = formatTokenLine(tokenRecordExample(before));
    const log = goOn(folder, { bytes: Buffer.byteLength(textOf(folder)), pending: [line] });
    expect(() => log.append({ event: 'token', ...tokenRecordExample(now) })).toThrow(
      expect.objectContaining({
        facts: { recorded: expect.stringContaining(recorded), 'this run': expect.stringContaining(computed) },
      }),
    );
    log.close();
  });

  it('lets go of the lines that it did not come to repeat', () => {
    const folder = closedAfter(0);
    let isReleased = false;
    function* pending(): Generator<string> {
      try {
        yield 'first';
        yield 'second';
      } finally {
        isReleased = true;
      }
    }
    const log = goOn(folder, { bytes: Buffer.byteLength(textOf(folder)), pending: pending() });
    log.close();
    expect(isReleased).toBe(true);
  });

  it('leaves no file open', () => {
    const folder = closedAfter(0);
    goOn(folder, { bytes: Buffer.byteLength(textOf(folder)), pending: [] }).close();
    expect(openFiles()).not.toContain(path.join(folder, LOG_FILE));
  });

  it('names a log that is not there', () => {
    expect(() => goOn(parent, { bytes: 0, pending: [] })).toThrow(
      expect.objectContaining({ code: 'WRITE_FAILED', message: expect.stringContaining(LOG_FILE) }),
    );
  });
});

describe('closing', () => {
  it('releases the folder once: a second time it leaves the next writer’s lock alone', () => {
    const log = create();
    log.close();
    const next = lockRun(log.folder);
    log.close();
    expect(existsSync(path.join(log.folder, LOCK_FILE))).toBe(true);
    next.release();
    const third = lockRun(log.folder);
    next.release();
    expect(existsSync(path.join(log.folder, LOCK_FILE))).toBe(true);
    third.release();
  });
});

describe('a log that cannot be begun', () => {
  const begin = (folder: string, local = TOY_LOCAL): RunLog =>
    RunLog.create(folder, toyHeader(toySpec([toyCase('a')])), local).log;

  it('lets go of its folder', () => {
    const currentFolder = { toJSON: () => textOf('nowhere') } as unknown as string;
    expect(() => begin(parent, { ...TOY_LOCAL, currentFolder })).toThrow(/ENOENT/);
    expect(readdirSync(parent)).toEqual(['2026-11-24T10-43-10Z']);
    expect(readdirSync(path.join(parent, '2026-11-24T10-43-10Z'))).toEqual([LOG_FILE]);
  });

  it('names the parent where the system makes no folder', () => {
    expect(() => begin('/proc')).toThrow(
      expect.objectContaining({ code: 'WRITE_FAILED', message: expect.stringMatching(/^\/proc: cannot be written\./) }),
    );
  });
});

describe('the files beside a log', () => {
  it('say where the run’s files are, for resume and inspect', () => {
    expect(JSON.parse(readFileSync(path.join(closedAfter(), LOCAL_FILE), 'utf8'))).toEqual(TOY_LOCAL);
  });

  it('are put into folders that are made for them', () => {
    const log = create();
    log.writeFile('evidence/deep/a.txt', 'a');
    log.keepFile('more/b.txt', (file) => writeFileSync(file, 'b'));
    log.close();
    expect(readFileSync(path.join(log.folder, 'evidence/deep/a.txt'), 'utf8')).toBe('a');
    expect(readFileSync(path.join(log.folder, 'more/b.txt'), 'utf8')).toBe('b');
  });

  it('are kept as they are when they are kept once', () => {
    const log = create();
    log.keepFile('b.txt', (file) => writeFileSync(file, 'first'));
    log.keepFile('b.txt', (file) => writeFileSync(file, 'second'));
    log.close();
    expect(readFileSync(path.join(log.folder, 'b.txt'), 'utf8')).toBe('first');
  });

  it('are named when they cannot be written', () => {
    const log = create();
    writeFileSync(path.join(log.folder, 'in-the-way'), '');
    for (const write of [
      () => log.writeFile('in-the-way/a', 'a'),
      () => log.keepFile('in-the-way/a', (file) => writeFileSync(file, 'a')),
    ]) {
      expect(write).toThrow(
        expect.objectContaining({ code: 'WRITE_FAILED', message: expect.stringContaining('in-the-way/a') }),
      );
    }
    log.close();
  });
});

describe('the last run', () => {
  it('is a link by the run’s name, which moves on and leaves nothing behind', () => {
    const [first, second] = [create(), create()];
    expect(readlinkSync(path.join(parent, 'last'))).toBe(path.basename(second.folder));
    expect(readdirSync(parent).sort()).toEqual([path.basename(first.folder), path.basename(second.folder), 'last']);
    first.close();
    second.close();
  });

  it('is no link where a folder of that name is in the way, and the run goes on without it', () => {
    mkdirSync(path.join(parent, 'last', 'of-somebody'), { recursive: true });
    const log = create();
    log.close();
    expect(readdirSync(parent).sort()).toEqual([path.basename(log.folder), 'last']);
  });

  it('may be one that did not start: its reports stand in a folder of its time', () => {
    RunLog.createReport(parent, '2026-11-24T10:43:10.000Z', { 'error.json': '{}', 'junit.xml': '<x/>' });
    const folder = path.join(parent, 'last');
    expect(readlinkSync(folder)).toBe('2026-11-24T10-43-10Z');
    expect(readFileSync(path.join(folder, 'error.json'), 'utf8')).toBe('{}');
    expect(readFileSync(path.join(folder, 'junit.xml'), 'utf8')).toBe('<x/>');
  });

  it('cannot be made where no folder can be: the parent is named', () => {
    const file = path.join(parent, 'file');
    writeFileSync(file, '');
    expect(() => RunLog.create(file, toyHeader(toySpec([toyCase('a')])), TOY_LOCAL)).toThrow(
      expect.objectContaining({
        code: 'WRITE_FAILED',
        message: expect.stringContaining(`${file}: cannot be written.`),
      }),
    );
  });
});
