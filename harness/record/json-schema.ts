// The JSON Schemas of run.json and tokens.jsonl, and a check of a whole run folder against them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { InputError } from '../../src/errors.ts';
import { parseRunRecord, type RunRecord, RunRecordSchema, SCHEMA_VERSION } from './run-record.ts';
import { parseTokenLine, type TokenRecord, TokenRecordSchema } from './token-record.ts';

/** JSON Schema (draft 2020-12) of run.json. */
export function runRecordJsonSchema(): Record<string, unknown> {
  return describe(RunRecordSchema, 'qwen-pcc run record (run.json)');
}

/** JSON Schema (draft 2020-12) of one line of tokens.jsonl. */
export function tokenRecordJsonSchema(): Record<string, unknown> {
  return describe(TokenRecordSchema, 'qwen-pcc token record (a line of tokens.jsonl)');
}

function describe(schema: z.ZodType, title: string): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return { $schema, title, version: SCHEMA_VERSION, ...rest };
}

export interface RunFolderContent {
  readonly run: RunRecord;
  readonly tokens: readonly TokenRecord[];
}

/**
 * Reads run.json and tokens.jsonl of a run folder and checks them against the schemas and each other.
 *
 * @throws InputError naming the file, the line and the field that does not fit.
 */
export function validateRunFolder(folder: string): RunFolderContent {
  const run = readWith(path.join(folder, 'run.json'), null, parseRunRecord);
  const tokensFile = path.join(folder, 'tokens.jsonl');
  const lines = readText(tokensFile).split('\n');
  if (lines.at(-1) === '') lines.pop();
  const tokens = lines.map((line, i) => parseWith(tokensFile, i + 1, line, parseTokenLine));
  if (tokens.length !== run.coverage.tokensJudged) {
    throw new InputError(`${path.basename(folder)}: run.json and tokens.jsonl do not belong together.`, {
      code: 'RUN_FOLDER_MISMATCH',
      facts: { 'run.json': `${run.coverage.tokensJudged} tokens judged`, 'tokens.jsonl': `${tokens.length} lines` },
      hint: 'finish the run with --resume, or run it again',
    });
  }
  return { run, tokens };
}

function readWith<T>(file: string, line: number | null, parse: (text: string) => T): T {
  return parseWith(file, line, readText(file), parse);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new InputError(`${path.basename(file)} cannot be read.`, {
      code: 'RUN_FOLDER_UNREADABLE',
      facts: { folder: path.dirname(file), found: cause instanceof Error ? cause.message : String(cause) },
      hint: 'name a folder that `qwen-pcc validate` wrote',
      cause,
    });
  }
}

function parseWith<T>(file: string, line: number | null, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (cause) {
    const place = line === null ? path.basename(file) : `${path.basename(file)}, line ${line}`;
    throw new InputError(`${place} does not fit schema ${SCHEMA_VERSION}.`, {
      code: 'RUN_RECORD_INVALID',
      facts: { found: cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll('\n', ' ') : String(cause) },
      hint: 'the file was cut short or written by another version; run `qwen-pcc validate` again',
      cause,
    });
  }
}
