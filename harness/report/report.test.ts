// Facts about reports of one run: well-formed, complete, bounded, failing first.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Chalk } from 'chalk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunFolder } from '../record/run-folder.ts';
import { tokenRecordExample } from '../record/token-record.fixture.ts';
import { describePlan } from '../run/run-validate.ts';
import { TOY_VOCABULARY, toyCase, toyPlan } from '../run/toy-plan.fixture.ts';
import { type WrittenRun, writeRun } from '../run/write-run.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { quoteText, ruleHeadroom } from './format.ts';
import { gateFailureText } from './gate-failure.ts';
import { escapeXml, junitXml } from './junit.ts';
import { SUMMARY_BYTES_MAX, summaryMarkdown } from './markdown.ts';
import { terminalSummary } from './terminal.ts';
import { worstTokens } from './worst-tokens.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-report-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A device whose rows are turned around from position 3 on in the second case. */
const broken = (): ToySource =>
  new ToySource(TOY_VOCABULARY, (row) => {
    if (row.position >= 3) row.logits.reverse();
    return row;
  });

let good: WrittenRun;
let bad: WrittenRun;

async function run(openSecond?: () => ToySource): Promise<WrittenRun> {
  const plan = toyPlan([
    toyCase('a', () => new ToySource(TOY_VOCABULARY)),
    toyCase('b', openSecond ?? (() => new ToySource(TOY_VOCABULARY))),
  ]);
  const startedAt = new Date();
  const folder = RunFolder.create(scratch, startedAt, describePlan(plan));
  return writeRun(plan, {
    folder,
    startedAt,
    tool: { name: 'qwen-pcc', version: '0.0.0', gitSha: null },
    command: 'qwen-pcc validate',
  });
}

beforeAll(async () => {
  good = await run();
  bad = await run(broken);
});

const show = ({ run: record, records }: WrittenRun): string =>
  terminalSummary(record, records, { chalk: new Chalk({ level: 0 }), folder: 'reports/x' });

describe('terminalSummary', () => {
  it('ends with verdict and counts of a good run', () => {
    expect(show(good)).toMatch(
      /72 tokens judged of 72 planned.* · reports\/x\nreference .* · device .* · comparison .* · opening both .*\nPASS {2}.*\n6 prompts and \d+ rules: \d+ passed, 0 failed\n$/,
    );
  });

  it('shows the worst tokens first and counts what failed in a bad run', () => {
    const text = show(bad);
    expect(text).toMatch(/worst 5 tokens\n× b · \w+ · position \d+/);
    expect(text).toMatch(/FAIL {2}pcc-minimum.*\n6 prompts and \d+ rules: \d+ passed, \d+ failed\n$/);
  });

  it('has no escape codes without colours and the same words with them', () => {
    const coloured = terminalSummary(bad.run, bad.records, { chalk: new Chalk({ level: 1 }), folder: 'reports/x' });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that begins a colour.
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(show(bad));
    expect(coloured).not.toBe(show(bad));
  });
});

describe('junitXml', () => {
  it('has a suite for each variant and a case for each prompt, with five failing tokens as text', () => {
    const xml = junitXml(bad.run, bad.records);
    expect([...xml.matchAll(/<testsuite name="(\w+)"/g)].map((match) => match[1])).toEqual(['a', 'b', 'gate']);
    expect(xml).toMatch(/<testsuite name="a" tests="3" failures="0" errors="0">/);
    expect(xml).toMatch(/<testsuite name="b" tests="3" failures="3" errors="0">/);
    const failure = /<testcase classname="b" name="first"[\s\S]*?<failure [^>]*>([^<]*)<\/failure>/.exec(xml)![1]!;
    expect(failure.split('\n')).toHaveLength(6);
    expect(failure.split('\n')[0]).toMatch(/^position 3, token &quot;t7&quot;: failPcc; PCC -?0\.\d+/);
    expect(failure.split('\n')[5]).toMatch(/^… and \d+ more in tokens\.jsonl$/);
  });

  it('is well-formed: every element is closed in order', () => {
    for (const { run: record, records } of [good, bad]) {
      const open: string[] = [];
      for (const [, closing, name, selfClosing] of junitXml(record, records).matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
        if (closing === '/') expect(open.pop()).toBe(name);
        else if (selfClosing !== '/') open.push(name!);
      }
      expect(open).toEqual([]);
    }
  });

  it('escapes what XML cannot hold', () => {
    expect(escapeXml('<a & "b">\u0000\uffff\ud800')).toBe('&lt;a &amp; &quot;b&quot;&gt;\\u0000\\uffff\\ud800');
    expect(escapeXml('日本 🙂\n')).toBe('日本 🙂\n');
  });
});

describe('summaryMarkdown', () => {
  it('has the verdict, a row for each prompt and for each rule', () => {
    const text = summaryMarkdown(bad.run, bad.records);
    expect(text).toMatch(/^# qwen-pcc: fail\n/);
    for (const prompt of ['first', 'second', 'third'])
      expect([...text.matchAll(new RegExp(`^\\| ${prompt} \\| \\d+ of \\d+ `, 'gm'))]).toHaveLength(2);
    for (const { id } of bad.run.gate.rules) expect(text).toContain(`| ${id} |`);
  });

  it('keeps within what GitHub takes', () => {
    const variants = Array.from({ length: 3000 }, () => bad.run.variants).flat();
    const text = summaryMarkdown({ ...bad.run, variants }, bad.records);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(SUMMARY_BYTES_MAX);
    expect(text).toMatch(/The rest was cut; the run folder has all of it\.$/);
  });

  it('cannot be broken by a token text', () => {
    const record = tokenRecordExample({ text: '|\n`<b>', status: 'failPcc' });
    const row = summaryMarkdown(bad.run, [record])
      .split('\n')
      .find((line) => line.startsWith('| sotu'))!;
    expect(row).toContain('"\\|\\\\n\\`\\<b\\>"');
  });
});

describe('gateFailureText', () => {
  it('names case, device, broken rules, the worst token and the next command', () => {
    const lines = gateFailureText(bad.run, bad.records, 'reports/x').split('\n');
    expect(lines[0]).toMatch(/^b › \w+ › toy source › logits$/);
    expect(lines[1]).toMatch(/^ {2}FAIL {2}pcc-minimum: /);
    expect(lines.join('\n')).toMatch(/worst at position \d+.*, token \d+ "t\d+": PCC -0\.\d{5}/);
    expect(lines.at(-1)).toMatch(/^ {2}next: qwen-pcc inspect reports\/x --prompt \w+ --token \d+$/);
  });
});

describe('worstTokens', () => {
  it('puts broken rules first, then real flips, then low and missing PCCs', () => {
    const records = [
      tokenRecordExample({ position: 0, pcc: 0.9 }),
      tokenRecordExample({ position: 1, pcc: null }),
      tokenRecordExample({ position: 2, pcc: 0.999, status: 'failRank' }),
      tokenRecordExample({ position: 3, pcc: 0.95 }),
    ];
    expect(worstTokens(records, 3).map(({ position }) => position)).toEqual([2, 1, 0]);
  });
});

describe('formats', () => {
  it.each([
    { text: 'a\n"b"', expected: '"a\\n\\"b\\""' },
    { text: '\\xE6', expected: '"\\xE6"' },
    { text: '\u0085', expected: '"\\u0085"' },
    { text: '🙂'.repeat(50), expected: `"${'🙂'.repeat(40)}…"` },
  ])('quote $text', ({ text, expected }) => {
    expect(quoteText(text)).toBe(expected);
  });

  it('show no headroom where only the ideal value is allowed', () => {
    expect(ruleHeadroom({ headroom: 0, threshold: 0, ideal: 0 })).toBe('');
    expect(ruleHeadroom({ headroom: 0.256, threshold: 0.79, ideal: 1 })).toBe('26 %');
    expect(ruleHeadroom({ headroom: null, threshold: 0.79, ideal: 1 })).toBe('none');
  });

  it('are what the run folder holds', () => {
    const { run: record, records } = bad;
    expect(readFileSync(path.join(scratch, record.runId, 'junit.xml'), 'utf8')).toBe(junitXml(record, records));
    expect(readFileSync(path.join(scratch, record.runId, 'summary.md'), 'utf8')).toBe(summaryMarkdown(record, records));
  });
});
