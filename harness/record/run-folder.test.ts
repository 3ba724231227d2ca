// Facts about run folders: complete lines only, nothing half written, and resume only with the same plan.
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findRunFolder, readTokenRecords, TOKENS_FILE } from './read-run-folder.ts';
import { appendLine, EVIDENCE_ROWS_MAX, RunFolder } from './run-folder.ts';
import { tokenRecordExample } from './token-record.fixture.ts';

const startedAt = new Date('2026-11-24T10:43:10.500Z');
const plan = { cases: [{ name: 'general_weights-1_batch', tokenIds: [1, 2, 3] }], limits: { maxNewTokens: 5 } };
let parent: string;

beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-run-'));
});
afterEach(() => {
  rmSync(parent, { recursive: true, force: true });
});

describe('RunFolder', () => {
  it('is named by its time in UTC, with a number when that name is taken', () => {
    const first = RunFolder.create(parent, startedAt, plan);
    const second = RunFolder.create(parent, startedAt, plan);
    expect([first.runId, second.runId]).toEqual(['2026-11-24T10-43-10Z', '2026-11-24T10-43-10Z-2']);
    expect(readdirSync(path.join(parent, 'last'))).toEqual(readdirSync(second.folder));
    first.close();
    second.close();
  });

  it('goes on after the last complete record and drops half a line', () => {
    const run = RunFolder.create(parent, startedAt, plan);
    run.append(tokenRecordExample({ position: 0 }));
    run.append(tokenRecordExample({ position: 1 }));
    run.close();
    const tokens = path.join(run.folder, TOKENS_FILE);
    const complete = readFileSync(tokens);
    appendFileSync(tokens, complete.subarray(0, 57));
    const resumed = RunFolder.resume(run.folder, plan);
    expect(resumed.resumedRecords.map((record) => record.position)).toEqual([0, 1]);
    expect(readFileSync(tokens)).toEqual(complete);
    resumed.append(tokenRecordExample({ position: 2 }));
    resumed.close();
    expect(readTokenRecords(tokens).records.map((record) => record.position)).toEqual([0, 1, 2]);
  });

  it('refuses to resume another plan and names the field', () => {
    const run = RunFolder.create(parent, startedAt, plan);
    run.close();
    const other = { ...plan, cases: [{ name: 'general_weights-1_batch', tokenIds: [1, 2, 4] }] };
    expect(() => RunFolder.resume(run.folder, other)).toThrow(
      expect.objectContaining({
        code: 'RESUME_DIFFERS',
        facts: { field: 'plan.json.cases[0].tokenIds[2]', recorded: '3', 'this run': '4' },
      }),
    );
  });

  it('names file and line of a broken record', () => {
    const run = RunFolder.create(parent, startedAt, plan);
    run.append(tokenRecordExample({ position: 0 }));
    run.close();
    appendFileSync(path.join(run.folder, TOKENS_FILE), '{"variant":3}\n');
    expect(() => RunFolder.resume(run.folder, plan)).toThrow(/tokens\.jsonl: line 2 is not a token record/);
  });

  it('leaves no half written file behind', () => {
    const run = RunFolder.create(parent, startedAt, plan);
    run.writeFile('summary.md', 'a');
    run.writeFile('summary.md', 'b');
    run.close();
    expect(readFileSync(path.join(run.folder, 'summary.md'), 'utf8')).toBe('b');
    expect(readdirSync(run.folder).sort()).toEqual(['plan.json', 'summary.md', 'tokens.jsonl']);
  });

  it('keeps a bounded number of failing rows', () => {
    const run = RunFolder.create(parent, startedAt, plan);
    const kept = Array.from({ length: EVIDENCE_ROWS_MAX + 3 }, (_, i) =>
      run.keepEvidence(`a/b ${i}`, (file) => writeFileSync(file, String(i))),
    );
    run.close();
    expect(kept[0]).toBe('evidence/a_b_0.safetensors');
    expect(kept.slice(EVIDENCE_ROWS_MAX)).toEqual([null, null, null]);
    expect(readdirSync(path.join(run.folder, 'evidence'))).toHaveLength(EVIDENCE_ROWS_MAX);
  });
});

describe('appendLine', () => {
  it('says that the disk is full', () => {
    const fd = openSync('/dev/full', 'w');
    expect(() => appendLine(fd, 'line\n', 'tokens.jsonl')).toThrow(
      expect.objectContaining({ code: 'DISK_FULL', hint: expect.stringContaining('--resume') }),
    );
    closeSync(fd);
  });
});

describe('findRunFolder', () => {
  it('accepts a folder, its run.json, a run id, and nothing for the last run', () => {
    const run = RunFolder.create(parent, startedAt, plan);
    run.close();
    for (const given of [run.folder, path.join(run.folder, 'run.json'), run.runId, undefined]) {
      expect(readdirSync(findRunFolder(given, parent))).toEqual(readdirSync(run.folder));
    }
  });

  it('says where it looked', () => {
    expect(() => findRunFolder('elsewhere', parent)).toThrow(
      expect.objectContaining({ code: 'RUN_NOT_FOUND', exitCode: 2 }),
    );
  });
});
