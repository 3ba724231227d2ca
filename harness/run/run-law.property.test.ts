// The law of a run: a run, its resumption after a kill at any byte, and the merge of any partition of its prompts are one and the same.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatEvent, type LogEvent } from '../record/events.ts';
import { LOG_FILE } from '../record/read-log.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { mergeLogs } from '../replay/merge-logs.ts';
import { readRun } from '../replay/read-run.ts';
import { partOfLines } from '../replay/run-part.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { eventsOf, reading, replayOf, rowsOf } from './run-reading.fixture.ts';
import {
  logLines,
  noisyToy,
  resumeToy,
  runToy,
  TOY_VOCABULARY,
  toyCase,
  toyCaseOf,
  writeLog,
} from './toy-run.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-law-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Every fifth row of it fails. */
const failing = (): ToySource =>
  new ToySource(TOY_VOCABULARY, (row) => {
    if (row.position % 5 === 4) row.logits.reverse();
    return row;
  });
/** Two devices, and one of them against the other, whose choices the text does not follow. */
const triangle = (): OpenableCase => {
  const { spec } = toyCase('a', { failing, noisy: noisyToy });
  const against = { ...spec.variants[1]!, name: 'noisy against failing', golden: 'failing' };
  return toyCaseOf({ ...spec, variants: [...spec.variants, against] }, { failing, noisy: noisyToy });
};
/** A device and a rung of its ladder, half of whose rows would fail if anybody judged them. */
const ladder = (): OpenableCase => {
  const { spec } = toyCase('b', { toy: noisyToy, failing });
  const [device, rung] = spec.variants;
  const variants = [device!, { ...rung!, name: 'toy/formats', ladder: { rung: 'formats' as const, of: 'toy' } }];
  return toyCaseOf({ ...spec, variants }, { toy: noisyToy, failing });
};
const CASES = [triangle(), ladder()];
const UNITS = 6;

/** The merge of logs, each a part. */
function merged(logs: readonly (readonly LogEvent[])[]): LogEvent[] {
  const parts = logs.map((events, i) =>
    partOfLines(
      `log ${i}`,
      events.map((event) => ({ event, text: formatEvent(event) })),
    ),
  );
  return Array.from(mergeLogs(parts), ({ event }) => event);
}

/** What was fed of a prompt of case a. */
const tokensOf = (folder: string, name: string): number[] =>
  eventsOf(folder).flatMap((event) => {
    const isOfIt = event.event === 'token' && event.case === 'a' && event.variant === 'noisy' && event.prompt === name;
    return isOfIt ? [event.inputToken.golden] : [];
  });

describe('a run', () => {
  let whole = '';
  let lines: string[] = [];
  beforeAll(async () => {
    whole = (await runToy(scratch, CASES)).folder;
    lines = logLines(whole);
  });

  it('judges every token of the plan', () => {
    const { coverage, cases } = concludeRun(readRun(whole));
    expect(coverage.tokensJudged).toBe(3 * (11 + 12 + 13) + (11 + 12 + 13));
    expect(coverage.tokensJudged).toBe(coverage.tokensPlanned);
    expect(cases.map(({ variants }) => variants.map(({ name }) => name))).toEqual([
      ['failing', 'noisy', 'noisy against failing'],
      ['toy'],
    ]);
  });

  it('judges no rung of a ladder, and has its distances beside the device', () => {
    const [device] = concludeRun(readRun(whole)).cases[1]!.variants;
    expect(device!.prompts.map(({ outcome }) => outcome)).toEqual(['pass', 'pass', 'pass']);
    expect(device!.ladder).toMatchObject({ tokens: 36, missing: 0 });
    expect(device!.ladder!.steps[0]!.mean.klNats).toBeGreaterThan(device!.ladder!.steps.at(-1)!.mean.klNats);
  });

  it('resumed after a kill at any byte writes the log of a run that was not killed', async () => {
    const bytes = readFileSync(path.join(whole, LOG_FILE)).length;
    const firstLine = lines[0]!.length + 1;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: firstLine, max: bytes }), fc.boolean(), async (end, isKilledTwice) => {
        const folder = mkdtempSync(path.join(scratch, 'killed-'));
        cpSync(whole, folder, { recursive: true });
        const kept = readFileSync(path.join(whole, LOG_FILE)).subarray(0, end).toString('latin1');
        const complete = kept.split('\n');
        writeLog(folder, complete.slice(0, -1), complete.at(-1));
        if (isKilledTwice) {
          const controller = new AbortController();
          let left = 7;
          const onToken = (): void => {
            if (--left === 0) controller.abort();
          };
          await resumeToy(folder, CASES, { signal: controller.signal, onToken });
        }
        await resumeToy(folder, CASES);
        expect(rowsOf(folder)).toEqual(rowsOf(whole));
        expect(reading(eventsOf(folder))).toEqual(reading(eventsOf(whole)));
        rmSync(folder, { recursive: true });
      }),
      { numRuns: 40, seed: 8 },
    );
  });

  it('is the merge of the parts of any partition of its prompts, run in any order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: UNITS, maxLength: UNITS }),
        async (owner) => {
          const parts = [2, 0, 1].map((one) => owner.flatMap((of, unit) => (of === one ? [unit] : [])));
          const logs: LogEvent[][] = [];
          for (const part of parts.filter(({ length }) => length > 0)) {
            const { folder, run } = await runToy(mkdtempSync(path.join(scratch, 'part-')), CASES, { part });
            expect(run.coverage.promptsPlanned).toBeLessThanOrEqual(12);
            logs.push(eventsOf(folder));
          }
          expect(reading(merged(logs))).toEqual(reading(eventsOf(whole)));
        },
      ),
      { numRuns: 15, seed: 9 },
    );
  });

  it('that lacks a part is invalid after the merge', async () => {
    const { folder } = await runToy(mkdtempSync(path.join(scratch, 'part-')), CASES, { part: [0, 1, 3, 4, 5] });
    const { verdict, exitCode } = concludeRun(replayOf(merged([eventsOf(folder)])));
    expect({ status: verdict.status, exitCode }).toEqual({ status: 'invalid', exitCode: 4 });
  });

  it('does not merge with a part that says other numbers of the same prompt', async () => {
    const other = [toyCaseOf(CASES[0]!.spec, { noisy: failing, failing }), CASES[1]!];
    const parts = await Promise.all(
      [CASES, other].map(async (cases, i) => {
        const parent = mkdtempSync(path.join(scratch, 'part-'));
        return eventsOf((await runToy(parent, cases, { part: i === 0 ? [0, 1] : [0, 2, 3, 4, 5] })).folder);
      }),
    );
    expect(() => merged(parts)).toThrow(expect.objectContaining({ code: 'MERGE_ROWS' }));
  });

  it('judges a device against another as a run does that has the other for its reference', async () => {
    const { run } = await runToy(mkdtempSync(path.join(scratch, 'against-')), [triangle()]);
    const { spec } = toyCase('a', { noisy: noisyToy });
    const prompts = spec.prompts.map((prompt) => ({
      ...prompt,
      continuationIds: tokensOf(whole, prompt.name).slice(prompt.promptIds.length),
    }));
    const swapped = { ...toyCaseOf({ ...spec, prompts }, { noisy: noisyToy }), openReference: async () => failing() };
    const { run: lone } = await runToy(mkdtempSync(path.join(scratch, 'against-')), [swapped]);
    const summaryOf = (one: typeof run, name: string) => one.cases[0]!.variants.find((v) => v.name === name)!.summary;
    expect(summaryOf(run, 'noisy against failing')).toEqual(summaryOf(lone, 'noisy'));
  });

  it('does not depend on the order of the variants', async () => {
    const pair = [toyCase('a', { noisy: noisyToy, failing })];
    const turned = [toyCase('a', { failing, noisy: noisyToy })];
    const [one, other] = await Promise.all(
      [pair, turned].map(async (cases) => {
        const { run } = await runToy(mkdtempSync(path.join(scratch, 'order-')), cases);
        return Object.fromEntries(run.cases[0]!.variants.map(({ name, summary }) => [name, summary]));
      }),
    );
    expect(other).toEqual(one);
  });
});
