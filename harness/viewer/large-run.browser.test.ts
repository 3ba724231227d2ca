// 65,536 tokens in one report: it opens, and its failing tokens are found; pages beside the file load from disk, and one that is missing is said.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TiledRun, tiledRun } from '../lens/tiled-run.fixture.ts';
import { composeLens } from '../lens/write-lens.ts';
import { formatPcc } from '../report/format.ts';
import { openLens, startBrowser } from './browser.fixture.ts';
import { failingRun } from './failing-run.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-large-'));
const SOON = { timeout: 60_000 };
let browser: Browser;
let tiled: TiledRun;
let url: string;
let files: readonly string[];

beforeAll(async () => {
  browser = await startBrowser();
  const { run, records } = await failingRun(scratch);
  tiled = tiledRun(
    run,
    records.filter(({ variant }) => variant !== 'n150'),
    16,
    4096,
  );
  const lens = composeLens(tiled.run, tiled.highlights, tiled.collected, { pageBytesMax: 3_000_000 });
  files = Object.keys(lens).map((name) => path.join(scratch, name));
  mkdirSync(path.join(scratch, 'report-data'));
  for (const [name, content] of Object.entries(lens)) writeFileSync(path.join(scratch, name), content);
  url = String(pathToFileURL(path.join(scratch, 'report.html')));
});
afterAll(async () => {
  await browser?.close();
  rmSync(scratch, { recursive: true, force: true });
});

describe('a report of 65,536 tokens', () => {
  it('finds failing tokens to the last one, in file and beside it', async () => {
    expect(tiled.failing.length).toBeGreaterThan(1000);
    expect(files.length).toBeGreaterThan(2);
    const { page, complaints } = await openLens(browser, url);
    expect(await page.getAttribute('.overview canvas', 'aria-label')).toContain('Overview of 65536 tokens in 16 rows');
    for (const record of [...tiled.failing.slice(0, 3)]) {
      await page.keyboard.press('n');
      await expect
        .poll(() => page.locator('.pane h2').allInnerTexts(), SOON)
        .toEqual([expect.stringContaining(`Position ${record.position} `)]);
      expect(await page.locator('.figures dd').first().innerText()).toBe(formatPcc(record.pcc));
    }
    await page.keyboard.press('Escape');
    await page.keyboard.press('p');
    const last = tiled.failing.at(-1)!;
    await expect
      .poll(() => page.locator('#prompt-title').allInnerTexts(), SOON)
      .toEqual([expect.stringContaining(last.prompt)]);
    await expect
      .poll(() => page.locator('.pane h2').allInnerTexts(), SOON)
      .toEqual([expect.stringContaining(`Position ${last.position} `)]);
    expect(await page.locator('.text [role=option]').count()).toBe(4096);
    expect(await page.locator('script[src]').count()).toBeGreaterThan(0);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('says which script is missing when the file came alone', async () => {
    rmSync(path.join(scratch, 'report-data'), { recursive: true });
    const { page } = await openLens(browser, url);
    await page.keyboard.press('p');
    await expect
      .poll(() => page.locator('.pane [role=alert]').allInnerTexts(), SOON)
      .toEqual([expect.stringMatching(/report-data\/\d+\.js is not beside this report/)]);
    expect(await page.locator('.text [role=option]').count()).toBe(4096);
    await page.close();
  });
});
