// The comparison in a real browser: made by the command, first page of its report, read without a script, its links lead to tokens.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callCommand } from '../cli/in-process.fixture.ts';
import { type CompareRecord, CompareRecordSchema } from '../compare/league/compare-record.ts';
import { parseRunRecord } from '../record/run-record.ts';
import { formatPcc, formatSmall } from '../report/format.ts';
import { openLens, openPage, startBrowser } from './browser.fixture.ts';

const out = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-comparison-'));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SOON = { timeout: 20_000 };
let browser: Browser;
let folder: string;
let url: string;
let record: CompareRecord;

beforeAll(async () => {
  browser = await startBrowser();
  const words = ['fixtures/tiny-qwen2', 'fixtures/quantised/gguf/tiny-qwen2.gguf', 'bfp4-mlp'];
  const sizes = ['--prompt', 'senate-and-house', 'emoji-harbour', '--max-new-tokens', '2', '--resamples', '500'];
  const { code, stderr } = await callCommand(['compare', ...words, ...sizes, '--out', out]);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  folder = path.join(out, readdirSync(out).find((name) => name.startsWith('2'))!);
  url = String(pathToFileURL(path.join(folder, 'report.html')));
  record = CompareRecordSchema.parse(JSON.parse(readFileSync(path.join(folder, 'compare.json'), 'utf8')));
});
afterAll(async () => {
  await browser?.close();
  rmSync(out, { recursive: true, force: true });
});

describe('the report of a comparison', () => {
  it('is the one that run.json knows, and `report` writes it again', async () => {
    const before = readFileSync(path.join(folder, 'report.html'), 'utf8');
    await callCommand(['report', folder]);
    expect(readFileSync(path.join(folder, 'report.html'), 'utf8')).toBe(before);
    const { artifacts } = parseRunRecord(readFileSync(path.join(folder, 'run.json'), 'utf8'));
    expect(artifacts.find(({ path: file }) => file === 'report.html')?.bytes).toBe(Buffer.byteLength(before));
  });

  it('reads without JavaScript: every entrant, its word, its numbers', async () => {
    const { page } = await openPage(browser, url, { javaScriptEnabled: false });
    const text = await page.locator('#comparison').innerText();
    for (const { label, word, total } of record.league) {
      for (const shown of [label, word, formatPcc(total.pccMinimum), formatSmall(total.klP99)])
        expect(text).toContain(shown);
    }
    expect(text).toContain(record.command);
    expect(await page.locator('#comparison svg').count()).toBe(4);
    expect(await page.locator('#verdict').isVisible()).toBe(true);
    await page.close();
  });

  it('begins with the comparison; verdict and tokens are one step away, and Escape leads back', async () => {
    const { page, complaints } = await openLens(browser, url);
    const shown = async (): Promise<boolean[]> =>
      Promise.all(['#comparison', '#verdict', '.workbench'].map((one) => page.locator(one).isVisible()));
    expect(await shown()).toEqual([true, false, false]);
    await page.getByRole('link', { name: 'Verdict', exact: true }).click();
    await expect.poll(shown, SOON).toEqual([false, true, false]);
    await page.getByRole('link', { name: 'Comparison', exact: true }).click();
    await expect.poll(shown, SOON).toEqual([true, false, false]);
    const link = page.locator('.by-prompt tbody tr').last().locator('a').last();
    const address = await link.getAttribute('href');
    await link.click();
    await expect.poll(shown, SOON).toEqual([false, false, true]);
    expect(decodeURIComponent(address!)).toContain(record.league.at(-1)!.variants.total);
    await expect.poll(() => page.locator('#prompt-title').innerText(), SOON).toContain('emoji-harbour');
    await expect.poll(() => new URL(page.url()).hash, SOON).toContain(address);
    await page.keyboard.press('Escape');
    await expect.poll(shown, SOON).toEqual([true, false, false]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('leads from a panel to the farthest token of its entrant', async () => {
    const { page } = await openLens(browser, url);
    await page.locator('.panel a').first().click();
    await page.waitForSelector('.figures');
    const farthest = Number(await page.locator('.figures dd').nth(1).innerText());
    expect(farthest).toBeGreaterThanOrEqual(record.league[1]!.total.klP99! * 0.999);
    await page.close();
  });

  it('says Compared, not passed, and shows the difference to any other variant in turn', async () => {
    const { page } = await openLens(browser, url);
    expect(await page.locator('.chip').innerText()).toBe('✓ Compared');
    await page.keyboard.press('w');
    await page.waitForSelector('.figures');
    const names = record.league.flatMap(({ variants }) => Object.values(variants)).filter((name) => name !== null);
    const others = new Set(names).size - 1;
    const seen: string[] = [];
    for (const key of ['d', ...new Array(others).fill('D')]) {
      await page.keyboard.press(key);
      seen.push(await page.locator('.notice').innerText());
      const [own, other] = seen.at(-1)!.split(' against ');
      await expect.poll(() => page.locator('.curve-key').innerText(), SOON).toContain(`${own}  ${other}`);
    }
    expect(new Set(seen).size).toBe(others);
    expect(seen.at(-1)).toBe(seen[0]);
    await page.close();
  });

  it('keeps every label of a plot inside it', async () => {
    const { page } = await openLens(browser, url);
    const outside = await page.evaluate<string[]>(`[...document.querySelectorAll('.comparison svg')].flatMap((svg) => {
      const room = svg.getBoundingClientRect();
      return [...svg.querySelectorAll('text')].filter((text) => {
        const box = text.getBoundingClientRect();
        return box.left < room.left - 1 || box.right > room.right + 1 || box.bottom > room.bottom + 1;
      }).map((text) => text.textContent);
    })`);
    expect(outside).toEqual([]);
    await page.close();
  });

  it.each(['light', 'dark'] as const)('has no violation that axe knows, %s', async (colorScheme) => {
    const { page } = await openLens(browser, url, { colorScheme });
    await page.evaluate(AXE);
    const { violations } = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
      'axe.run()',
    );
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
    await page.close();
  });

  it.each([400, 1280])('runs over no side, %i pixels wide', async (width) => {
    const { page } = await openLens(browser, url, { viewport: { width, height: 900 } });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    await page.close();
  });

  it('prints with its league', async () => {
    const { page } = await openLens(browser, url);
    await page.keyboard.press('w');
    await page.waitForSelector('.figures');
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('.league').isVisible()).toBe(true);
    expect(await page.locator('.workbench').isVisible()).toBe(false);
    await page.close();
  });
});
