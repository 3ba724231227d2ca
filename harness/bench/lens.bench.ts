// Benchmark of the token lens: size and time of writing it, and in a real Chromium the first paint and the way to the next failing token.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { type TiledRun, tiledRun } from '../lens/tiled-run.fixture.ts';
import { composeLens } from '../lens/write-lens.ts';
import { openLens, startBrowser } from '../viewer/browser.fixture.ts';
import { type FailingRun, failingRun } from '../viewer/failing-run.fixture.ts';
import type { Benchmark, BenchResult } from './benchmark.ts';

const PROMPTS = 16;
const OPENINGS = 7;
const STEPS = 41;

export const benchmark: Benchmark = {
  name: 'lens',
  description: 'report.html of 16 prompts of 248 and of 4096 tokens, and a browser that reads it (needs a Chromium)',
  async run() {
    const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-lens-bench-'));
    const browser = await startBrowser();
    try {
      const made = await failingRun(scratch);
      return [
        ...(await measure(made, { length: 248, bytesMax: 3e6 }, scratch, browser)),
        ...(await measure(made, { length: 4096, bytesMax: 14e6 }, scratch, browser)),
      ];
    } finally {
      await browser.close();
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

interface Size {
  readonly length: number;
  readonly bytesMax: number;
}

async function measure(
  { run, records }: FailingRun,
  { length, bytesMax }: Size,
  scratch: string,
  browser: Browser,
): Promise<BenchResult[]> {
  const broken = records.filter(({ variant }) => variant !== 'n150');
  const start = performance.now();
  const tiled: TiledRun = tiledRun(run, broken, PROMPTS, length);
  const lens = composeLens(tiled.run, tiled.highlights, tiled.collected);
  const writeMs = performance.now() - start;
  mkdirSync(path.join(scratch, 'report-data'), { recursive: true });
  for (const [name, content] of Object.entries(lens)) writeFileSync(path.join(scratch, name), content);
  const url = String(pathToFileURL(path.join(scratch, 'report.html')));
  const paints: number[] = [];
  const ready: number[] = [];
  let steps: readonly number[] = [];
  for (let opening = 0; opening < OPENINGS; opening++) {
    const { page } = await openLens(browser, url);
    ready.push(await page.evaluate<number>('performance.now()'));
    paints.push(await page.evaluate<number>("performance.getEntriesByName('first-contentful-paint')[0].startTime"));
    if (opening === 0) steps = await stepTimes(page);
    await page.context().close();
  }
  const of = `${PROMPTS} x ${length}`;
  const bytes = (names: readonly string[]): number =>
    names.reduce((sum, name) => sum + Buffer.byteLength(lens[name]!), 0);
  const beside = Object.keys(lens).filter((name) => name !== 'report.html');
  return [
    {
      name: `${of}: report.html`,
      unit: 'MB',
      samples: [bytes(['report.html']) / 1e6],
      target: { relation: 'at most', value: bytesMax / 1e6 },
    },
    { name: `${of}: beside it`, unit: 'MB', samples: [bytes(beside) / 1e6] },
    { name: `${of}: written in`, unit: 'ms', samples: [writeMs] },
    { name: `${of}: first paint`, unit: 'ms', samples: paints, target: { relation: 'at most', value: 1500 } },
    { name: `${of}: ready for keys`, unit: 'ms', samples: ready },
    { name: `${of}: n to the token's numbers`, unit: 'ms', samples: steps, target: { relation: 'at most', value: 50 } },
  ];
}

/** From the key to the frame after the pane shows another token. */
async function stepTimes(page: Page): Promise<readonly number[]> {
  await page.keyboard.press('n');
  await page.waitForSelector('.pane .figures');
  return page.evaluate<number[]>(`(async () => {
    const shown = () => document.querySelector('.pane h2')?.textContent + document.querySelector('#prompt-title')?.textContent;
    const frame = () => new Promise(requestAnimationFrame);
    const times = [];
    for (let i = 0; i < ${STEPS}; i++) {
      await frame();
      const before = shown();
      const start = performance.now();
      document.dispatchEvent(new KeyboardEvent('keydown', { key: 'n', bubbles: true }));
      while (shown() === before) await frame();
      times.push(performance.now() - start);
    }
    return times;
  })()`);
}
