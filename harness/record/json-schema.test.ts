import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { evaluateGate } from '../gate/evaluate-gate.ts';
import { defaultRules } from '../gate/thresholds.ts';
import { summarizeBy, summarizeTokens } from '../metrics/aggregate.ts';
import { runRecordJsonSchema, tokenRecordJsonSchema, validateRunFolder } from './json-schema.ts';
import { formatRunRecord, parseRunRecord, type RunRecord, SCHEMA_VERSION } from './run-record.ts';
import { tokenRecordExample } from './token-record.fixture.ts';
import { formatTokenLine, parseTokenLine } from './token-record.ts';

const record = tokenRecordExample();

function runRecordExample(): RunRecord {
  const rules = defaultRules({ pccMinimum: 0.79 });
  const plan = [{ variant: record.variant, prompt: record.prompt, tokens: 1 }];
  const { coverage, rules: results, ...verdict } = evaluateGate({ rules, plan, records: [record] });
  return {
    schemaVersion: SCHEMA_VERSION,
    tool: { name: 'qwen-pcc', version: '0.1.0', gitSha: null },
    runId: '2026-01-02T03-04-05Z',
    startedAt: '2026-01-02T03:04:05Z',
    finishedAt: '2026-01-02T03:04:06Z',
    durationMs: 1000,
    usage: {
      openMs: { golden: 1, actual: 2 },
      goldenMs: 3,
      actualMs: 4,
      compareMs: 5,
      peakAnonymousBytes: 6,
      peakResidentBytes: null,
    },
    command: 'qwen-pcc validate',
    exitCode: 4,
    verdict,
    coverage: { ...coverage, skipped: [] },
    config: {
      mode: 'teacherForced',
      pccSemantics: 'strict',
      accumulator: 'float64',
      pccMinimum: 0.79,
      tieUlps: 1,
      topK: 10,
      maxNewTokens: 0,
      maxSeqLen: 4096,
    },
    gate: { rules: results },
    summary: {
      all: summarizeTokens([record]),
      byPhase: summarizeBy([record], ({ phase }) => phase),
      byPrompt: { [record.prompt]: summarizeTokens([record]) },
    },
    controls: { previous: null, unrelated: null },
    variants: [],
    environment: { os: 'linux', cpu: 'x64', threads: 2, memoryBytes: 1, node: 'v20', packages: {} },
    events: [],
    artifacts: [],
  };
}

describe('token line', () => {
  it('comes back as it was, numbers that JSON lacks included', () => {
    const odd = tokenRecordExample({
      pcc: Number.NaN,
      timing: { goldenMs: Number.POSITIVE_INFINITY, actualMs: Number.NEGATIVE_INFINITY, compareMs: 0.1 },
    });
    expect(formatTokenLine(odd)).toContain('"goldenMs":"Infinity","actualMs":"-Infinity"');
    expect(parseTokenLine(formatTokenLine(odd))).toEqual(odd);
  });

  it('has its keys in the schema’s order, whatever order they were made in', () => {
    const shuffled = Object.fromEntries(Object.entries(record).reverse()) as typeof record;
    expect(formatTokenLine(shuffled)).toBe(formatTokenLine(record));
    expect(Object.keys(JSON.parse(formatTokenLine(shuffled)))[0]).toBe('variant');
  });

  it.each([
    { name: 'an unknown key', change: { surprise: 1 } },
    { name: 'an unknown status', change: { status: 'fine' } },
    { name: 'a missing pcc', change: { pcc: undefined } },
    { name: 'a negative position', change: { position: -1 } },
  ])('is refused with $name', ({ change }) => {
    expect(() => parseTokenLine(JSON.stringify({ ...record, ...change }))).toThrow();
  });
});

describe('JSON Schemas', () => {
  it('describe objects whose every field is required and no other allowed', () => {
    for (const schema of [runRecordJsonSchema(), tokenRecordJsonSchema()]) {
      expect(schema).toMatchObject({ type: 'object', additionalProperties: false, version: SCHEMA_VERSION });
      expect(schema['required']).toEqual(Object.keys(schema['properties'] as object));
    }
  });

  it('allow the three strings in place of a number', () => {
    expect(JSON.stringify(tokenRecordJsonSchema())).toContain('["NaN","Infinity","-Infinity"]');
  });
});

describe('validateRunFolder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'qwen-pcc-'));
    writeFileSync(path.join(folder, 'run.json'), formatRunRecord(runRecordExample()));
    writeFileSync(path.join(folder, 'tokens.jsonl'), `${formatTokenLine(record)}\n`);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('reads back what was written', () => {
    expect(validateRunFolder(folder)).toEqual({ run: runRecordExample(), tokens: [record] });
    expect(parseRunRecord(formatRunRecord(runRecordExample()))).toEqual(runRecordExample());
  });

  it('names the line that is cut short', () => {
    writeFileSync(path.join(folder, 'tokens.jsonl'), formatTokenLine(record).slice(0, 100));
    expect(() => validateRunFolder(folder)).toThrow(/tokens\.jsonl, line 1 does not fit/);
  });

  it('notices that tokens are missing', () => {
    writeFileSync(path.join(folder, 'tokens.jsonl'), '');
    expect(() => validateRunFolder(folder)).toThrow(/1 tokens judged/);
  });

  it('says that a folder is none', () => {
    expect(() => validateRunFolder(path.join(folder, 'absent'))).toThrow(InputError);
  });
});
