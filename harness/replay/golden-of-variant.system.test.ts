// Logs of variants whose golden rows are another variant's: those rows choose nothing, and the text is the reference's all the same.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { extendContextHash } from '../record/context-hash.ts';
import { readTokens } from '../record/read-tokens.fixture.ts';
import { withoutTiming } from '../record/token-line.ts';
import { logLines, noisyToy, runToy, TOY_VOCABULARY, toyCase, toyCaseOf, writeLog } from '../run/toy-run.fixture.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { readRun } from './read-run.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-golden-of-variant-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Chooses other tokens than the reference. */
const contrary = (): ToySource =>
  new ToySource(TOY_VOCABULARY, (row) => ({ ...row, logits: row.logits.map((value) => -value) }));
const devices = { contrary, noisy: noisyToy };
const { spec } = toyCase('a', devices);
const AGAINST = 'noisy against contrary';
const against = { ...spec.variants[1]!, name: AGAINST, golden: 'contrary' };
const triangle = [toyCaseOf({ ...spec, variants: [...spec.variants, against] }, devices)];

it('are believed where the golden rows would have chosen another text', async () => {
  const { folder, failure } = await runToy(scratch, triangle);
  expect(failure).toBeUndefined();
  const { prompts, isComplete } = readRun(folder);
  expect(isComplete).toBe(true);
  // One a prompt: all variants of it were fed the same.
  expect(new Set(Array.from(prompts.values(), ({ contextHash }) => contextHash)).size).toBe(3);
  const rows = readTokens(folder).filter(({ variant }) => variant === AGAINST);
  const greedy = rows.slice(0, -1).filter((_, i) => rows[i + 1]!.step !== null);
  expect(greedy.some((row) => row.choice!.top1.golden !== rows[rows.indexOf(row) + 1]!.inputToken.golden)).toBe(true);
});

it('are refused where the last token is another than that of the other variants, with hashes that fit', async () => {
  const { folder } = await runToy(scratch, triangle);
  const lines = logLines(folder);
  const isOwn = (line: string): boolean => line.includes(`"variant":"${AGAINST}","prompt":"first"`);
  const own = lines.flatMap((line, i) => (isOwn(line) ? [i] : []));
  const [before, last, end] = own.slice(-3) as [number, number, number];
  const json = (i: number) => JSON.parse(lines[i]!) as Record<string, string & number>;
  const token = (json(last)['token']! + 1) % TOY_VOCABULARY;
  const context = extendContextHash(json(before)['context']!, json(last)['position']!, token);
  lines[last] = JSON.stringify({ ...json(last), token, context });
  const rows = createHash('sha256');
  for (const i of own.slice(0, -1)) rows.update(withoutTiming(lines[i]!)).update('\n');
  lines[end] = JSON.stringify({ ...json(end), contextHash: context, rowsSha256: rows.digest('hex') });
  writeLog(folder, lines);
  expect(() => readRun(folder)).toThrow(`${AGAINST} › first: context ${context}`);
});
