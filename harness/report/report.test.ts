// Facts about reports of one run: well-formed, complete, bounded, failing first.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Chalk } from 'chalk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TokenHighlights, WORST_KEPT, worstTokens } from '../gate/token-highlights.ts';
import { tokenRecordExample } from '../record/token-record.fixture.ts';
import { runToy, TOY_VOCABULARY, toyCase } from '../run/toy-run.fixture.ts';
import type { WrittenRun } from '../run/write-run.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { quoteText, ruleHeadroom } from './format.ts';
import { gateFailureText } from './gate-failure.ts';
import { escapeXml, junitXml } from './junit.ts';
import { SUMMARY_BYTES_MAX, summaryMarkdown } from './markdown.ts';
import { terminalSummary } from './terminal.ts';

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

function run(openSecond?: () => ToySource): Promise<WrittenRun> {
  const honest = (): ToySource => new ToySource(TOY_VOCABULARY);
  return runToy(scratch, [toyCase('a', { toy: honest }), toyCase('b', { toy: openSecond ?? honest })]);
}

beforeAll(async () => {
  good = await run();
  bad = await run(broken);
});

const show = ({ run: record, replay }: WrittenRun): string =>
  terminalSummary(record, replay.highlights, { chalk: new Chalk({ level: 0 }), folder: 'reports/x' });

describe('terminalSummary', () => {
  it('ends with verdict and counts of a good run', () => {
    expect(show(good)).toMatch(
      /72 tokens judged of 72 planned.* · reports\/x\nreference .* · device .* · comparison .* · opening both .*\nPASS {2}.*\nlens {2}reports\/x\/report\.html\n6 prompts and \d+ rules: \d+ passed, 0 failed\n$/,
    );
  });

  it('shows the worst tokens first and counts what failed in a bad run', () => {
    const text = show(bad);
    expect(text).toMatch(/worst 5 tokens\n× b · \w+ · position \d+/);
    expect(text).toMatch(
      /FAIL {2}pcc-minimum.*\nlens {2}reports\/x\/report\.html#\/b\/toy\/first\/3\nnext {2}qwen-pcc inspect reports\/x --case b --prompt first --token 3\n6 prompts and \d+ rules: \d+ passed, \d+ failed\n$/,
    );
  });

  it('has no escape codes without colours and the same words with them', () => {
    const coloured = terminalSummary(bad.run, bad.replay.highlights, {
      chalk: new Chalk({ level: 1 }),
      folder: 'reports/x',
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that begins a colour.
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(show(bad));
    expect(coloured).not.toBe(show(bad));
  });
});

describe('junitXml', () => {
  it('has a suite for each variant and a case for each prompt, with five failing tokens as text', () => {
    const xml = junitXml(bad.run, bad.replay.highlights);
    expect([...xml.matchAll(/<testsuite name="(\w+)"/g)].map((match) => match[1])).toEqual(['a', 'b', 'gate']);
    expect(xml).toMatch(/<testsuite name="a" tests="3" failures="0" errors="0" skipped="0">/);
    expect(xml).toMatch(/<testsuite name="b" tests="3" failures="3" errors="0" skipped="0">/);
    const failure = /<testcase classname="b" name="first"[\s\S]*?<failure [^>]*>([^<]*)<\/failure>/.exec(xml)![1]!;
    expect(failure.split('\n')).toHaveLength(6);
    expect(failure.split('\n')[0]).toMatch(/^position 3, token &quot;t7&quot;: failPcc; PCC -?0\.\d+/);
    expect(failure.split('\n')[5]).toMatch(/^… and \d+ more in run\.jsonl$/);
  });

  it('says for each prompt where it is in the lens: at its first failing token, if it has one', () => {
    const lensOf = ({ run: record, replay }: WrittenRun): (string | undefined)[] =>
      [...junitXml(record, replay.highlights).matchAll(/<property name="lens" value="([^"]*)"/g)].map(([, at]) => at);
    expect(lensOf(good)[3]).toBe('report.html#/b/toy/first');
    expect(lensOf(bad)[3]).toBe('report.html#/b/toy/first/3');
  });

  it('is well-formed: every element is closed in order', () => {
    for (const { run: record, replay } of [good, bad]) {
      const open: string[] = [];
      for (const [, closing, name, selfClosing] of junitXml(record, replay.highlights).matchAll(
        /<(\/?)(\w+)[^>]*?(\/?)>/g,
      )) {
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
    const text = summaryMarkdown(bad.run, bad.replay.highlights);
    expect(text).toMatch(/^# qwen-pcc: fail\n/);
    for (const prompt of ['first', 'second', 'third'])
      expect([...text.matchAll(new RegExp(`^\\| ${prompt} \\| \\d+ of \\d+ `, 'gm'))]).toHaveLength(2);
    for (const { id } of bad.run.gate.rules) expect(text).toContain(`| ${id} |`);
  });

  it('links its worst tokens and the first failing one to the lens', () => {
    const text = summaryMarkdown(bad.run, bad.replay.highlights);
    expect(text).toContain('[in the report](report.html#/b/toy/first/3)');
    expect(text).toMatch(/\| \[(\d+)\]\(report\.html#\/b\/toy\/\w+\/\1\) \|/);
  });

  it('keeps within what GitHub takes', () => {
    const cases = Array.from({ length: 3000 }, () => bad.run.cases).flat();
    const text = summaryMarkdown({ ...bad.run, cases }, bad.replay.highlights);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(SUMMARY_BYTES_MAX);
    expect(text).toMatch(/The rest was cut; the run folder has all of it\.$/);
  });

  it('cannot be broken by a token text', () => {
    const record = tokenRecordExample({ text: '|\n`<b>', status: 'failPcc' });
    const highlights = new TokenHighlights();
    highlights.add(record);
    const row = summaryMarkdown(good.run, highlights)
      .split('\n')
      .find((line) => line.includes(', sotu '))!;
    expect(row).toContain('"\\|\\\\n\\`\\<b\\>"');
  });

  it('cannot be broken by a path with backticks, and ends its sentences', () => {
    const command = "qwen-pcc validate --weights 'a`b``c'";
    const text = summaryMarkdown({ ...bad.run, command }, bad.replay.highlights);
    expect(text).toContain(`Repeat with \`\`\` ${command} \`\`\`.`);
    expect(text).not.toMatch(/\w\)? (?:Run|Look at|Repeat) /);
  });
});

describe('gateFailureText', () => {
  it('names case, device, broken rules, the worst token and the next command', () => {
    const lines = gateFailureText(bad.run, bad.replay.highlights, 'reports/x').split('\n');
    expect(lines[0]).toMatch(/^b › \w+ › toy source › logits$/);
    expect(lines[1]).toMatch(/^ {2}FAIL {2}pcc-minimum: /);
    expect(lines.join('\n')).toMatch(/worst at position \d+.*, token \d+ "t\d+": PCC -0\.\d{5}/);
    expect(lines.at(-1)).toMatch(/^ {2}next: qwen-pcc inspect reports\/x --case b --prompt \w+ --token \d+$/);
  });
});

describe('the worst tokens', () => {
  it('begin with broken rules, then low and missing PCCs', () => {
    const records = [
      tokenRecordExample({ position: 0, pcc: 0.9 }),
      tokenRecordExample({ position: 1, pcc: null }),
      tokenRecordExample({ position: 2, pcc: 0.999, status: 'failRank' }),
      tokenRecordExample({ position: 3, pcc: 0.95 }),
    ];
    expect(worstTokens(records, 3).map(({ position }) => position)).toEqual([2, 1, 0]);
  });

  it('are the same whether they are sorted at the end or kept on the way', () => {
    const records = Array.from({ length: 100 }, (_, i) =>
      tokenRecordExample({ position: i, pcc: ((i * 37) % 50) / 50, ...(i % 7 === 0 ? { status: 'failKl' } : {}) }),
    );
    const highlights = new TokenHighlights();
    for (const record of records) highlights.add(record);
    expect(highlights.worst).toEqual(worstTokens(records, WORST_KEPT));
    expect(highlights.ofSequence(records[0]!)).toMatchObject({ judged: 100, failed: 15, invalid: 0 });
    expect(highlights.ofSequence(records[0]!).firstFailing.map(({ position }) => position)).toEqual([0, 7, 14, 21, 28]);
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
    const { run: record, replay } = bad;
    expect(readFileSync(path.join(scratch, record.runId, 'junit.xml'), 'utf8')).toBe(
      junitXml(record, replay.highlights),
    );
    expect(readFileSync(path.join(scratch, record.runId, 'summary.md'), 'utf8')).toBe(
      summaryMarkdown(record, replay.highlights),
    );
  });
});
