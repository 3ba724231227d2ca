// Reading logs: across reads of a megabyte, from any line on, and errors that name file, line and what stands there.
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TOY_LOCAL, toyCase, toyHeader, toySpec } from '../run/toy-run.fixture.ts';
import { openFiles } from './open-files.fixture.ts';
import { brokenLog, ERROR_FILE, findRunFolder, LOG_FILE, readLog, readLogText, readRunEvent } from './read-log.ts';
import { RunLog } from './run-log.ts';
import { tokenRecordExample } from './token-record.fixture.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-read-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(parent, { recursive: true });
});

/** A log of a run event and as many tokens, whose texts are `text`. */
function logOf(tokens: number, text = ' Senate'): string {
  const { log } = RunLog.create(parent, toyHeader(toySpec([toyCase('a')])), TOY_LOCAL);
  for (let position = 0; position < tokens; position++) {
    log.append({ event: 'token', ...tokenRecordExample({ position, text }) });
  }
  log.close();
  return log.folder;
}
const inFolder = (text: string): string => {
  writeFileSync(path.join(parent, LOG_FILE), text);
  return parent;
};

describe('readLog', () => {
  it('numbers its lines from 1 and knows where each ends, also in lines longer than what is read at once', () => {
    const folder = logOf(3, 'ü'.repeat(600_000));
    const bytes = readFileSync(path.join(folder, LOG_FILE));
    const lines = [...readLog(folder)];
    expect(lines.map(({ number, event }) => [number, event.event])).toEqual([
      [1, 'run'],
      [2, 'token'],
      [3, 'token'],
      [4, 'token'],
    ]);
    let start = 0;
    for (const { text, end } of lines) {
      expect(bytes.toString('utf8', start, end)).toBe(`${text}\n`);
      start = end;
    }
    expect(start).toBe(bytes.length);
  });

  it('does not hold known lines against the schema again, but reads them all the same', () => {
    const folder = logOf(2);
    expect([...readLog(folder, { isKnown: true })]).toEqual([...readLog(folder)]);
    const file = path.join(folder, LOG_FILE);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"phase":"prefill"', '"phase":"soon"'));
    expect(() => [...readLog(folder)]).toThrow(/line 2 is not a line that a run wrote/);
    expect([...readLog(folder, { isKnown: true })]).toHaveLength(3);
  });

  it.each([
    { name: 'nothing', text: '', found: 'nothing', wanted: 'an event of a run' },
    { name: 'no complete line', text: '{"event":"run"', found: 'nothing', wanted: 'an event of a run' },
    { name: 'an empty line', text: '\n', found: 'nothing', wanted: expect.stringContaining('JSON') },
    { name: 'no event', text: 'null\n', found: 'null', wanted: '[' },
  ])('says of a log with $name what was found and wanted', ({ text, found, wanted }) => {
    expect(() => [...readLog(inFolder(text))]).toThrow(
      expect.objectContaining({ code: 'LOG_BROKEN', exitCode: 2, facts: { found, wanted } }),
    );
  });

  it('names a log that is not there', () => {
    expect(() => [...readLog(parent)]).toThrow(
      expect.objectContaining({
        code: 'FILE_UNREADABLE',
        message: expect.stringContaining(path.join(parent, LOG_FILE)),
      }),
    );
  });
});

describe('a reader', () => {
  it('closes the log, whether it reads to the end, stops or fails', () => {
    const folder = logOf(2);
    const file = path.join(folder, LOG_FILE);
    [...readLog(folder)];
    readRunEvent(folder);
    appendFileSync(file, 'no event\n');
    expect(() => [...readLog(folder)]).toThrow(/line 4 /);
    expect(openFiles()).not.toContain(file);
  });
});

describe('brokenLog', () => {
  it('shows 80 characters of the line', () => {
    const [exact, longer] = ['x'.repeat(80), 'x'.repeat(81)];
    expect(brokenLog('f', 3, exact, undefined).facts['found']).toBe(exact);
    expect(brokenLog('f', 3, longer, undefined).facts['found']).toBe(`${exact}…`);
    expect(brokenLog('f', 3, longer, undefined).hint).toContain('nothing in this folder was changed');
  });
});

describe('readLogText', () => {
  it('has the lines between two ends, as they stand there', () => {
    const folder = logOf(4);
    const lines = [...readLog(folder)];
    const between = [...readLogText(folder, lines[1]!.end, lines[3]!.end)];
    expect(between).toEqual([lines[2]!.text, lines[3]!.text]);
    expect([...readLogText(folder, 0, lines[4]!.end)]).toEqual(lines.map(({ text }) => text));
    expect([...readLogText(folder, lines[1]!.end, lines[2]!.end - 1)]).toEqual([]);
  });
});

describe('readRunEvent', () => {
  it('is the first line, and refuses a log that begins with another', () => {
    const folder = logOf(1);
    expect(readRunEvent(folder)).toMatchObject({ event: 'run', runId: path.basename(folder) });
    const [, token] = readFileSync(path.join(folder, LOG_FILE), 'utf8').split('\n');
    expect(() => readRunEvent(inFolder(`${token}\n`))).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(`${LOG_FILE}: line 1 is not a line that a run wrote`),
        facts: { found: expect.stringContaining('{"event":"token"'), wanted: 'an event of a run' },
      }),
    );
  });

  it('does not look at what comes after it', () => {
    const folder = logOf(0);
    appendFileSync(path.join(folder, LOG_FILE), 'no event\n');
    expect(readRunEvent(folder).event).toBe('run');
  });
});

describe('findRunFolder', () => {
  const refusal = (given: string | undefined): unknown => {
    try {
      return findRunFolder(given, parent);
    } catch (error) {
      return error;
    }
  };

  it('names the run, not the link that moves on', () => {
    const folder = logOf(0);
    expect(path.resolve(findRunFolder(undefined, parent))).toBe(folder);
    expect(path.isAbsolute(findRunFolder(undefined, parent))).toBe(false);
  });

  it('names the current folder by a dot', () => {
    const folder = logOf(0);
    vi.spyOn(process, 'cwd').mockReturnValue(folder);
    expect(findRunFolder(folder, parent)).toBe('.');
  });

  it('says in words what it wanted and where it looked', () => {
    expect(refusal(undefined)).toMatchObject({
      message: expect.stringMatching(new RegExp(`^there is no run in ${parent}\\.`)),
      facts: { looked: path.join(parent, 'last'), wanted: `a folder with ${LOG_FILE}` },
      hint: expect.stringContaining('qwen-pcc validate'),
    });
    expect(refusal('some/where')).toMatchObject({
      message: expect.stringMatching(/^"some\/where" is not a run folder\./),
      facts: { looked: `some/where, ${path.join(parent, 'some/where')}, some` },
    });
  });

  it('names the folder that an older version made, and what is missing there', () => {
    mkdirSync(path.join(parent, 'old'));
    writeFileSync(path.join(parent, 'old', 'tokens.jsonl'), '');
    expect(refusal('old')).toMatchObject({
      message: expect.stringContaining(`"${path.join(parent, 'old')}" is a run folder of version 0.1.`),
      code: 'RUN_TOO_OLD',
      facts: { found: 'tokens.jsonl', wanted: LOG_FILE },
      hint: expect.stringContaining('run it again'),
    });
  });

  it.each([
    { text: '{"failure":{"message":"no such folder\\n  found  x"}}', found: 'no such folder' },
    { text: '{"failure":{}}', found: `last/${ERROR_FILE}` },
    { text: '{}', found: `last/${ERROR_FILE}` },
    { text: 'no JSON', found: `last/${ERROR_FILE}` },
  ])('says why a run did not start, or where that stands: $text', ({ text, found }) => {
    mkdirSync(path.join(parent, 'last'));
    writeFileSync(path.join(parent, 'last', ERROR_FILE), text);
    expect(refusal(undefined)).toMatchObject({
      message: expect.stringMatching(/last: this run did not start\./),
      code: 'RUN_NOT_STARTED',
      facts: { found: expect.stringMatching(new RegExp(`(^|/)${found}$`)) },
      hint: expect.stringContaining('name an older run'),
    });
  });
});
