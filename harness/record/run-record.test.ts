// run.json: its text, and what a reader refuses.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runToy, toyCase } from '../run/toy-run.fixture.ts';
import { readRunRecord } from './json-schema.ts';
import { formatRunRecord, parseRunRecord, type RunRecord } from './run-record.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-record-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let run: RunRecord;
beforeAll(async () => {
  run = (await runToy(scratch, [toyCase('a')])).run;
});

describe('run.json', () => {
  it('is indented JSON that ends with a line end and comes back as it was', () => {
    const text = formatRunRecord(run);
    expect(text.startsWith('{\n  "schemaVersion": "2.')).toBe(true);
    expect(text.endsWith('}\n')).toBe(true);
    expect(parseRunRecord(text)).toEqual(run);
  });

  it('holds values that JSON has no number for', () => {
    const endless = { ...run, config: { ...run.config, pccMinimum: Number.NaN } };
    expect(formatRunRecord(endless)).toContain('"pccMinimum": "NaN"');
    expect(parseRunRecord(formatRunRecord(endless))).toEqual(endless);
  });

  it('of another version is refused by what this one reads, with the file’s name', () => {
    writeFileSync(path.join(scratch, 'run.json'), formatRunRecord(run).replace('"2.', '"1.'));
    expect(() => readRunRecord(scratch)).toThrow(
      expect.objectContaining({
        code: 'FILE_UNREADABLE',
        message: expect.stringContaining(path.join(scratch, 'run.json')),
        facts: { found: expect.stringContaining('this version reads run records 2.') },
      }),
    );
  });
});
