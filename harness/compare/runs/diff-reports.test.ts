// A comparison of runs as people and programs read it: terminal, Markdown and diff.json.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Chalk } from 'chalk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { diffMarkdown } from './diff-markdown.ts';
import { diffTerminal } from './diff-terminal.ts';
import { changedCase, plantedCase, plantedDiff } from './planted-runs.fixture.ts';
import type { RunDiff } from './run-diff.ts';
import { formatRunDiff, parseRunDiff, runDiffJsonSchema } from './run-diff-schema.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-diff-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const chalk = new Chalk({ level: 0 });
let diff: RunDiff;
let text = '';
let markdown = '';
beforeAll(async () => {
  const made = await plantedDiff(
    scratch,
    plantedCase({ 'first:1': 'fail', 'second:3': 'fail' }),
    plantedCase({ 'second:3': 'fail', 'third:2': 'fail', 'first:3': 'drift' }, 'new'),
  );
  // Folders of a test have other names each time.
  diff = { ...made, a: { ...made.a, folder: 'reports/a' }, b: { ...made.b, folder: 'reports/b' } };
  text = diffTerminal(diff, { chalk });
  markdown = diffMarkdown(diff);
});

describe('the terminal', () => {
  it('shows each run with its verdict, and what differs', () => {
    expect(text).toMatch(/^A {2}reports\/a · 36 tokens · fail: /m);
    expect(text).toMatch(/^B {2}reports\/b · 36 tokens · fail: /m);
    expect(text).toMatch(/^note: a: device: toy in run A, new in run B$/m);
  });

  it('counts by prompt and by phase', () => {
    const columns = (line: RegExp): string[] => line.exec(text)![0].trim().split(/ {2,}/);
    expect(columns(/^prompt .*$/m).slice(0, 8)).toEqual([
      ...['prompt', 'tokens', 'newly fail', 'newly heal', 'still fail', 'drifted', 'near', 'same'],
    ]);
    expect(columns(/^first .*$/m).slice(1, 8)).toEqual(['11', '0', '1', '0', '1', '0', '9']);
    expect(columns(/^third .*$/m).slice(1, 8)).toEqual(['13', '1', '0', '0', '0', '0', '12']);
    expect(columns(/^prefill .*$/m).slice(1, 8)).toEqual(['18', '1', '1', '1', '1', '0', '14']);
    expect(columns(/^all .*$/m).slice(1, 8)).toEqual(['36', '1', '1', '1', '1', '0', '32']);
  });

  it('shows tokens with place, both numbers and a command, in the run where they fail', () => {
    expect(text).toContain('newly failing: 1 token\n× third · position 2 · token "t9"\n    PCC 1.00000 → ');
    expect(text).toMatch(/KL 0 → [\d.]+ nat; regret 0 → [\d.]+ nat; pass → failPcc \(pcc-minimum\)$/m);
    expect(text).toContain(diff.tokens.newlyFails[0]!.inspect.b);
    expect(text).toContain(diff.tokens.newlyHeals[0]!.inspect.a);
    expect(text).toMatch(/^drifted: 1 token\n· first · position 3 · token "t7"\n.*moved \d+\.?\d* margins$/m);
  });

  it('shows rules whose value moved, counts the others, and ends with a line for machines', () => {
    expect(text).toMatch(/^\d+ rules more: no change$/m);
    expect(text).toMatch(
      /^NEWLY FAILING {2}36 tokens: 1 newly fails, 1 newly heals, 1 still fails, 1 drifted; 33 have/m,
    );
    expect(text).toMatch(/\n36 tokens and \d+ rules: \d+ newly failing, \d+ newly healed\n$/);
  });

  it('has a place for paired statistics', () => {
    expect(diffTerminal(diff, { chalk, statistics: ['KL: worse'] })).toMatch(/near: .*\n\nKL: worse\n\nnewly failing/);
    expect(diffMarkdown(diff, { statistics: ['KL: worse'] })).toContain('\n\nKL: worse\n\n## Newly failing');
  });

  it('says when nothing changed, what is alone and what is incomplete', async () => {
    const fewer = changedCase((spec) => ({ ...spec, prompts: spec.prompts.slice(1) }));
    const same = await plantedDiff(scratch, plantedCase({}), fewer);
    const said = diffTerminal(same, { chalk });
    expect(said).toMatch(/^NOTHING NEWLY FAILS {2}25 tokens: none moved beyond the margins; all numbers are the same/m);
    expect(said).toMatch(/^note: 1 prompt of run A alone: a › toy › first$/m);
    const short = { ...same, b: { ...same.b, tokensJudged: 4, headline: 'killed' }, tokensAlone: { a: 21, b: 0 } };
    expect(diffTerminal(short, { chalk })).toContain('note: run B is incomplete, 4 of 25 tokens judged: killed');
    expect(diffTerminal(short, { chalk })).toContain('note: 21 tokens of common prompts were judged in run A alone');
  });
});

describe('Markdown', () => {
  it('has the same findings', () => {
    expect(markdown).toMatch(/^# qwen-pcc: newly failing\n/);
    expect(markdown).toContain('| third | 13 | 1 | 0 | 0 | 0 | 0 | 12 |');
    expect(markdown).toContain('| all prompts, prefill | 18 | 1 | 1 | 1 | 1 | 0 | 14 |');
    expect(markdown).toMatch(
      /## Newly failing: 1 token\n\n\|.*\n\|.*\n\| third · position 2 · token "t9" \| PCC 1\.00000 → /,
    );
    expect(markdown).toContain(`\`${diff.tokens.newlyFails[0]!.inspect.b}\``);
    expect(markdown).toContain('| pcc-minimum | token |');
  });
});

describe('text of a log', () => {
  it('does nothing but show, wherever it comes from', () => {
    const evil = 'x\u001b[2J\u202e|\n#';
    const [token] = diff.tokens.newlyFails;
    const foreign: RunDiff = {
      ...diff,
      a: { ...diff.a, headline: evil, command: evil, folder: evil },
      differences: [{ what: evil, a: evil, b: evil }],
      alone: [{ side: 'a', case: evil, variant: evil, prompt: evil, user: 0 }],
      prompts: diff.prompts.map((one) => ({ ...one, prompt: evil })),
      rules: diff.rules.map((one) => ({ ...one, id: evil, change: 'newlyBroken' })),
      tokens: {
        ...diff.tokens,
        newlyFails: [
          {
            ...token!,
            prompt: evil,
            text: evil,
            inspect: { a: evil, b: evil },
            b: { ...token!.b, failedRules: [evil] },
          },
        ],
      },
    };
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    const commands = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;
    expect(diffTerminal(foreign, { chalk })).not.toMatch(commands);
    expect(diffMarkdown(foreign)).not.toMatch(commands);
    expect(diffMarkdown(foreign)).not.toMatch(/^#$/m);
  });
});

describe('diff.json', () => {
  it('keeps its schema and is read back as it was written, infinities included', () => {
    const [token] = diff.tokens.drifted;
    const far: RunDiff = { ...diff, tokens: { ...diff.tokens, drifted: [{ ...token!, drift: Infinity }] } };
    expect(parseRunDiff(formatRunDiff(far))).toEqual(far);
    const schema = z.fromJSONSchema(JSON.parse(JSON.stringify(runDiffJsonSchema())));
    const json = JSON.parse(formatRunDiff(far)) as object;
    expect(schema.safeParse(json).error).toBeUndefined();
    expect(schema.safeParse({ ...json, surprise: 1 }).success).toBe(false);
    expect(() => parseRunDiff(JSON.stringify({ ...json, schemaVersion: '2.0.0' }))).toThrow(
      'this version reads diffs 1.0.0',
    );
  });
});
