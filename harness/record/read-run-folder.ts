// Finds and reads run folders that are there already.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { InputError, UsageError } from '../../src/errors.ts';
import { parseTokenLine, type TokenRecord } from './token-record.ts';

export const TOKENS_FILE = 'tokens.jsonl';

/** Finds the run folder that a user means: a folder, its run.json, an id under `parent`, or the last run. */
export function findRunFolder(given: string | undefined, parent: string): string {
  const candidates =
    given === undefined ? [path.join(parent, 'last')] : [given, path.join(parent, given), path.dirname(given)];
  for (const candidate of candidates) {
    // `last` is a link that moves on; the run keeps its own name.
    if (existsSync(path.join(candidate, TOKENS_FILE))) return path.relative('.', realpathSync(candidate)) || '.';
  }
  throw new UsageError(given === undefined ? `there is no run in ${parent}.` : `"${given}" is not a run folder.`, {
    code: 'RUN_NOT_FOUND',
    facts: { looked: candidates.join(', '), wanted: `a folder with ${TOKENS_FILE}` },
    hint: 'make one with `qwen-pcc validate`, or name the folder that it printed.',
  });
}

/** @returns the complete records of a tokens.jsonl and the bytes that they take. */
export function readTokenRecords(file: string): { records: TokenRecord[]; completeBytes: number } {
  const bytes = readInput(file);
  const records: TokenRecord[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0x0a, start); end >= 0; end = bytes.indexOf(0x0a, start)) {
    const line = bytes.toString('utf8', start, end);
    try {
      records.push(parseTokenLine(line));
    } catch (error) {
      throw new InputError(`${file}: line ${records.length + 1} is not a token record.`, {
        code: 'TOKEN_RECORD_BROKEN',
        facts: {
          found: line.length > 80 ? `${line.slice(0, 80)}…` : line,
          wanted: 'a line that `qwen-pcc validate` wrote',
        },
        hint: 'start a new run without --resume.',
        cause: error,
      });
    }
    start = end + 1;
  }
  return { records, completeBytes: start };
}

/** A file's bytes. @throws InputError FILE_UNREADABLE. */
export function readInput(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new InputError(`${file}: cannot be read.`, {
      code: 'FILE_UNREADABLE',
      facts: { found: error instanceof Error ? error.message : String(error) },
      hint: 'name the folder of a run that `qwen-pcc validate` made.',
      cause: error,
    });
  }
}
