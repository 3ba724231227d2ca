// The committed schemas are those of the code, and the files of a run keep them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { bundleJsonSchema } from '../bundle/bundle-record.ts';
import { runDiffJsonSchema } from '../compare/runs/run-diff-schema.ts';
import { historyJsonSchema } from '../history/history-record.ts';
import { rulesFileJsonSchema } from '../rules-file/config-schema.ts';
import { logLines, runToy, toyCase } from '../run/toy-run.fixture.ts';
import {
  baselineJsonSchema,
  logLineJsonSchema,
  readRunRecord,
  runRecordJsonSchema,
  selfTestJsonSchema,
  whyJsonSchema,
} from './json-schema.ts';

const SCHEMAS = path.join(import.meta.dirname, '../../docs/schema');
const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-schema-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const committed = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path.join(SCHEMAS, name), 'utf8')) as Record<string, unknown>;

describe('docs/schema', () => {
  it.each([
    { name: 'run.schema.json', schema: runRecordJsonSchema() },
    { name: 'log-line.schema.json', schema: logLineJsonSchema() },
    { name: 'selftest.schema.json', schema: selfTestJsonSchema() },
    { name: 'why.schema.json', schema: whyJsonSchema() },
    { name: 'bundle.schema.json', schema: bundleJsonSchema() },
    { name: 'baseline.schema.json', schema: baselineJsonSchema() },
    { name: 'history.schema.json', schema: historyJsonSchema() },
    { name: 'run-diff.schema.json', schema: runDiffJsonSchema() },
    { name: 'config.schema.json', schema: rulesFileJsonSchema() },
  ])('$name is what the code says (`npm run schemas` writes it anew)', ({ name, schema }) => {
    expect(committed(name)).toEqual(JSON.parse(JSON.stringify(schema)));
  });
});

describe('the files of a run', () => {
  it('keep the committed schemas', async () => {
    const { folder } = await runToy(scratch, [toyCase('a')]);
    const line = z.fromJSONSchema(committed('log-line.schema.json') as never);
    for (const text of logLines(folder)) expect(line.safeParse(JSON.parse(text)).success).toBe(true);
    const run = z.fromJSONSchema(committed('run.schema.json') as never);
    const text = readFileSync(path.join(folder, 'run.json'), 'utf8');
    expect(run.safeParse(JSON.parse(text)).success).toBe(true);
    expect(run.safeParse({ ...JSON.parse(text), surprise: 1 }).success).toBe(false);
  });

  it('are read back as they were written, and refused by name when they are not', async () => {
    const { folder, run } = await runToy(scratch, [toyCase('a')]);
    expect(readRunRecord(folder)).toEqual(run);
    expect(() => readRunRecord(scratch)).toThrow(expect.objectContaining({ code: 'FILE_UNREADABLE', exitCode: 2 }));
  });
});
