// The law of the golden cache: with it, empty, half full or full, and with a kill in between, a run's log is the one without it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { cachedReference, GoldenCacheUse } from '../sources/golden-cache.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import {
  logLines,
  noisyToy,
  resumeToy,
  runToy,
  TOY_VOCABULARY,
  toyCase,
  toySpec,
  writeLog,
} from './toy-run.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-golden-law-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A reference whose bits depend on where one feed ended and the next began, as ONNX Runtime's do. */
class FeedSensitiveToy extends ToySource {
  constructor() {
    super(TOY_VOCABULARY, (row) => {
      const feeds = this.feeds.reduce((hash, length) => (Math.imul(hash, 31) + length) | 0, 7);
      row.logits[0]! += (feeds % 1000) / 1e4;
      return row;
    });
  }

  /** With feeds of its own, whatever the others were fed. */
  override sequence(): FeedSensitiveToy {
    return new FeedSensitiveToy();
  }

  override async truncate(length: number): Promise<void> {
    if (length === 0) this.feeds.length = 0;
    await super.truncate(length);
  }
}

const CASES = [toyCase('a', { noisy: noisyToy }), toyCase('b')].map((one) => ({
  ...one,
  openReference: async () => new FeedSensitiveToy(),
}));

interface CachedRun {
  readonly cases: readonly OpenableCase[];
  /** References that were opened. */
  opened: number;
}

function withCache(folder: string): CachedRun {
  const key = { info: new FeedSensitiveToy().info, vocabSize: TOY_VOCABULARY };
  const run: CachedRun = {
    opened: 0,
    cases: CASES.map((one) => {
      const use = new GoldenCacheUse();
      const open = async (): Promise<FeedSensitiveToy> => {
        run.opened++;
        return new FeedSensitiveToy();
      };
      return { ...one, goldenCacheUse: use, openReference: () => cachedReference(key, folder, open, { use }) };
    }),
  };
  return run;
}

const newFolder = (): string => mkdtempSync(path.join(scratch, 'run-'));

/** Lines without times, start and usage. */
function rows(folder: string): unknown[] {
  return logLines(folder).map((line) => ({
    ...(JSON.parse(line) as object),
    ...{ timing: 0, runId: 0, finishedAt: 0, usage: 0 },
  }));
}

let bare: unknown[] = [];
let tokens = 0;
beforeAll(async () => {
  const { folder, run } = await runToy(newFolder(), CASES);
  bare = rows(folder);
  tokens = run.coverage.tokensJudged;
});

it('a run that fills a cache, and one that reads it, write the log of a run without', async () => {
  const cache = newFolder();
  const first = withCache(cache);
  const filled = await runToy(newFolder(), first.cases);
  expect(rows(filled.folder)).toEqual(bare);
  // Case b has the tokens of case a.
  expect(first.opened).toBe(1);
  expect(filled.run.usage?.goldenCache).toEqual({ rowsRead: tokens / 2, rowsMade: tokens / 2, problem: null });
  const second = withCache(cache);
  const { folder, run } = await runToy(newFolder(), second.cases);
  expect(rows(folder)).toEqual(bare);
  expect(second.opened).toBe(0);
  expect(run.usage?.goldenCache).toEqual({ rowsRead: tokens, rowsMade: 0, problem: null });
});

it('so does one whose cache has a part of each text, or is damaged anywhere, killed at any token and gone on with or without it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        keptTokens: fc.integer({ min: 0, max: 6 }),
        isDamaged: fc.boolean(),
        place: fc.double({ min: 0, max: 1, noNaN: true }),
        killAfter: fc.integer({ min: 1, max: 70 }),
        lostLines: fc.integer({ min: 0, max: 3 }),
        goesOnCached: fc.boolean(),
      }),
      async ({ keptTokens, isDamaged, place, killAfter, lostLines, goesOnCached }) => {
        const cache = newFolder();
        const spec = { ...toySpec(CASES), limits: { maxNewTokens: keptTokens, maxSeqLen: 4096 } };
        await runToy(newFolder(), withCache(cache).cases, { spec });
        if (isDamaged) damage(cache, place);

        const controller = new AbortController();
        let left = killAfter;
        const onToken = (): void => {
          if (--left === 0) controller.abort();
        };
        const { signal } = controller;
        const { folder } = await runToy(newFolder(), withCache(cache).cases, { signal, onToken });
        const lines = logLines(folder);
        writeLog(folder, lines.slice(0, Math.max(1, lines.length - lostLines)));
        await resumeToy(folder, goesOnCached ? withCache(cache).cases : CASES);
        expect(rows(folder)).toEqual(bare);
      },
    ),
    { numRuns: 25, seed: 11 },
  );
});

/** Turns a byte of one file over, or cuts it there. */
function damage(cache: string, place: number): void {
  const files = readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.safetensors'),
  );
  const file = path.join(cache, files[Math.floor(place * (files.length - 1))]!);
  const bytes = readFileSync(file);
  const at = Math.floor(place * (bytes.length - 1));
  bytes[at]! ^= 0xff;
  writeFileSync(file, bytes);
  if (at % 2 === 0) truncateSync(file, at);
}
