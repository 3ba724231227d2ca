// The JSON Schemas of the log and of run.json, as docs/schema has them, and a check of a whole run folder.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { BASELINE_VERSION, BaselineSchema } from './baseline.ts';
import { CaseEventSchema, EndEventSchema, PromptEventSchema, RunEventSchema, SCHEMA_VERSION } from './events.ts';
import { readError } from './file-errors.ts';
import { RepeatEventSchema } from './repeat.ts';
import { parseRunRecord, type RunRecord, RunRecordSchema } from './run-record.ts';
import { SELFTEST_SCHEMA_VERSION, SelfTestRecordSchema } from './selftest-record.ts';
import { TokenLineSchema } from './token-line-schema.ts';
import { WHY_SCHEMA_VERSION, WhyRecordSchema } from './why-record.ts';

/** JSON Schema (draft 2020-12) of run.json. */
export function runRecordJsonSchema(): Record<string, unknown> {
  return describeSchema(RunRecordSchema, 'qwen-pcc run record (run.json)');
}

/** JSON Schema (draft 2020-12) of one line of run.jsonl. */
export function logLineJsonSchema(): Record<string, unknown> {
  const events = z.union([
    RunEventSchema,
    CaseEventSchema,
    TokenLineSchema,
    RepeatEventSchema,
    PromptEventSchema,
    EndEventSchema,
  ]);
  return describeSchema(events, 'qwen-pcc log (a line of run.jsonl)');
}

/** JSON Schema (draft 2020-12) of what `selftest --json` prints. */
export function selfTestJsonSchema(): Record<string, unknown> {
  return describeSchema(SelfTestRecordSchema, 'qwen-pcc self-test (selftest --json)', SELFTEST_SCHEMA_VERSION);
}

/** JSON Schema (draft 2020-12) of what `inspect --why --json` prints. */
export function whyJsonSchema(): Record<string, unknown> {
  return describeSchema(WhyRecordSchema, 'qwen-pcc attribution of a token (inspect --why --json)', WHY_SCHEMA_VERSION);
}

/** JSON Schema (draft 2020-12) of a baseline's file. */
export function baselineJsonSchema(): Record<string, unknown> {
  return describeSchema(BaselineSchema, 'qwen-pcc baseline (baseline.json)', BASELINE_VERSION);
}

/** A schema of ours as docs/schema has it, with the version of the files that it is of. */
export function describeSchema(
  schema: z.ZodType,
  title: string,
  version: string = SCHEMA_VERSION,
): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', reused: 'ref' });
  return { $schema, title, version, ...rest };
}

/** @throws InputError FILE_UNREADABLE, naming the file. */
export function readRunRecord(folder: string): RunRecord {
  const file = path.join(folder, 'run.json');
  try {
    return parseRunRecord(readFileSync(file, 'utf8'));
  } catch (error) {
    throw readError(error, file);
  }
}
