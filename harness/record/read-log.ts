// Finds run folders and reads their logs line by line, however long they are.
import { closeSync, existsSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { InputError, UsageError } from '../../src/errors.ts';
import { type LogEvent, parseEvent, parseKnownEvent, type RunEvent } from './events.ts';
import { readError } from './file-errors.ts';

export const LOG_FILE = 'run.jsonl';
/** In the place of a log, for a run that could not start. */
export const ERROR_FILE = 'error.json';

/** A line of a log, as it stands there and as what it means. */
export interface LogLine {
  readonly event: LogEvent;
  /** Without the line end. */
  readonly text: string;
  /** 1-based. */
  readonly number: number;
  /** Byte offset after the line end. */
  readonly end: number;
}

export interface ReadLogOptions {
  /** Every line was read or written before, by this process: they are not held against the schema again. */
  readonly isKnown?: boolean;
}

/** Whether a path is the folder of a run that began. */
export function isRunFolder(folder: string): boolean {
  return existsSync(path.join(folder, LOG_FILE));
}

/** Finds the run folder that a user means: a folder, a file in it, an id under `parent`, or the last run. */
export function findRunFolder(given: string | undefined, parent: string): string {
  const candidates =
    given === undefined ? [path.join(parent, 'last')] : [given, path.join(parent, given), path.dirname(given)];
  for (const candidate of candidates) {
    // `last` is a link that moves on; the run keeps its own name.
    if (existsSync(path.join(candidate, LOG_FILE))) return path.relative('.', realpathSync(candidate)) || '.';
  }
  const old = candidates.find((candidate) => existsSync(path.join(candidate, 'tokens.jsonl')));
  if (old !== undefined) {
    throw new UsageError(`"${old}" is a run folder of version 0.1.`, {
      code: 'RUN_TOO_OLD',
      facts: { found: 'tokens.jsonl', wanted: LOG_FILE },
      hint: 'run it again with this version, or read it with the version that made it.',
    });
  }
  const unstarted = candidates.find((candidate) => existsSync(path.join(candidate, ERROR_FILE)));
  if (unstarted !== undefined) {
    throw new UsageError(`${unstarted}: this run did not start.`, {
      code: 'RUN_NOT_STARTED',
      facts: { found: readFailure(path.join(unstarted, ERROR_FILE)) },
      hint: 'mend that and run it again, or name an older run.',
    });
  }
  throw new UsageError(given === undefined ? `there is no run in ${parent}.` : `"${given}" is not a run folder.`, {
    code: 'RUN_NOT_FOUND',
    facts: { looked: candidates.join(', '), wanted: `a folder with ${LOG_FILE}` },
    hint: 'make one with `qwen-pcc validate`, or name the folder that it printed.',
  });
}

function readFailure(file: string): string {
  try {
    const { failure } = JSON.parse(readFileSync(file, 'utf8')) as { failure: { message?: unknown } };
    return String(failure.message ?? file).split('\n')[0]!;
  } catch {
    return file;
  }
}

const READ_BYTES = 1 << 20;
const LINE_FEED = 0x0a;

/**
 * The complete lines of a log, in order; what follows the last line end is left out, since its writer was killed in it.
 *
 * @throws InputError FILE_UNREADABLE or LOG_BROKEN, naming the file and the line.
 */
export function* readLog(
  folder: string,
  { isKnown = false }: ReadLogOptions = {},
): Generator<LogLine, void, undefined> {
  const file = path.join(folder, LOG_FILE);
  let number = 0;
  for (const { text, end } of readLines(file)) {
    number++;
    let event: LogEvent;
    try {
      event = (isKnown ? parseKnownEvent : parseEvent)(text);
    } catch (error) {
      throw brokenLog(file, number, text, error);
    }
    yield { event, text, number, end };
  }
  if (number === 0) throw brokenLog(file, 1, '', undefined);
}

/** Lines of a log as they stand there, read as they are asked for: those between two byte offsets. */
export function* readLogText(folder: string, from: number, to: number): Generator<string, void, undefined> {
  for (const { text, end } of readLines(path.join(folder, LOG_FILE), from)) {
    if (end > to) return;
    yield text;
  }
}

/** The first line of a log: what the run was asked to do. */
export function readRunEvent(folder: string): RunEvent {
  // A log without a line is refused by the reader; taking one closes it.
  const [first] = readLog(folder);
  const { event, text } = first!;
  if (event.event === 'run') return event;
  throw brokenLog(path.join(folder, LOG_FILE), 1, text, undefined);
}

export function brokenLog(file: string, line: number, text: string, cause: unknown): InputError {
  return new InputError(`${file}: line ${line} is not a line that a run wrote.`, {
    code: 'LOG_BROKEN',
    facts: {
      found: text.length > 80 ? `${text.slice(0, 80)}…` : text === '' ? 'nothing' : text,
      wanted: cause instanceof Error ? cause.message.split('\n')[0]! : 'an event of a run',
    },
    hint: 'start a new run; nothing in this folder was changed.',
    cause,
  });
}

function* readLines(file: string, from = 0): Generator<{ text: string; end: number }, void, undefined> {
  const fd = openForReading(file);
  try {
    const chunk = Buffer.alloc(READ_BYTES);
    let rest: Buffer = Buffer.alloc(0);
    let offset = from;
    let place = from;
    const readOn = (): number => {
      const read = readSync(fd, chunk, 0, READ_BYTES, place);
      place += read;
      return read;
    };
    for (let read = readOn(); read > 0; read = readOn()) {
      const bytes = Buffer.concat([rest, chunk.subarray(0, read)]);
      let start = 0;
      for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
        offset += end + 1 - start;
        yield { text: bytes.toString('utf8', start, end), end: offset };
        start = end + 1;
      }
      rest = bytes.subarray(start);
    }
  } finally {
    closeSync(fd);
  }
}

function openForReading(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (error) {
    throw readError(error, file);
  }
}
