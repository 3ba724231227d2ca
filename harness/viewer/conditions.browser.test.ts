// The lens under conditions: accessibility in every state and scheme, a sandbox without an origin, no JavaScript, print, forced colours, phones.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lensFragment } from '../report/lens-link.ts';
import { openLens, openPage, startBrowser } from './browser.fixture.ts';
import { type FailingRun, failingRun } from './failing-run.fixture.ts';
import { serveFile } from './local-server.fixture.ts';

const out = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-lens-'));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser: Browser;
let made: FailingRun;
let url: string;

beforeAll(async () => {
  browser = await startBrowser();
  made = await failingRun(out);
  url = String(pathToFileURL(path.join(made.folder, 'report.html')));
});
afterAll(async () => {
  await browser?.close();
  rmSync(out, { recursive: true, force: true });
});

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations: found } = await page.evaluate<{ violations: Violation[] }>('axe.run()');
  return found.map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
}

const STATES: readonly { readonly state: string; readonly keys: readonly string[]; readonly wait: string }[] = [
  { state: 'the verdict', keys: [], wait: '#verdict' },
  { state: 'a failing token', keys: ['n'], wait: '.top' },
  { state: 'its rows, as a difference of variants', keys: ['n', '3', 'd'], wait: '[role=tabpanel]' },
  { state: 'the keys, over the numbers', keys: ['n', '2', '?'], wait: '.help' },
];

describe.each(['light', 'dark'] as const)('in the %s scheme', (colorScheme) => {
  it.each(STATES)('$state has no violation that axe knows', async ({ keys, wait }) => {
    const { page, complaints } = await openLens(browser, url, { colorScheme });
    for (const key of keys) {
      await page.keyboard.press(key);
      await page.waitForSelector('.pane .figures');
    }
    await page.waitForSelector(wait);
    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });
});

describe('axe', () => {
  it('finds what is wrong, so that nothing found means something', async () => {
    const { page } = await openPage(browser, 'data:text/html,<img src=x><p style="color:%23ccc">pale</p>');
    expect((await violations(page)).join()).toContain('image-alt');
    await page.close();
  });
});

describe('a report that a CI shows in a sandbox without an origin', () => {
  it('finds its failing token all the same', async () => {
    const server = await serveFile(readFileSync(path.join(made.folder, 'report.html'), 'utf8'), {
      'content-security-policy': 'sandbox allow-scripts',
    });
    try {
      const { page, complaints } = await openLens(browser, server.url);
      expect(await page.evaluate('self.origin')).toBe('null');
      await page.keyboard.press('n');
      await expect
        .poll(() => page.locator('.pane h2').innerText(), { timeout: 20_000 })
        .toContain(`Position ${made.failing[0]!.position} `);
      await expect.poll(() => new URL(page.url()).hash, { timeout: 20_000 }).toBe(lensFragment(made.failing[0]!));
      expect(complaints).toEqual([]);
      await page.close();
    } finally {
      await server.close();
    }
  });
});

describe('without JavaScript', () => {
  it('the verdict, every rule, every prompt, provenance and the command are read', async () => {
    const { page } = await openPage(browser, url, { javaScriptEnabled: false });
    const text = await page.locator('body').innerText();
    for (const { id, reason } of made.run.gate.rules) {
      expect(text).toContain(id);
      expect(text).toContain(reason);
    }
    for (const { name } of made.run.cases[0]!.variants[0]!.prompts) expect(text).toContain(name);
    expect(text).toContain(made.run.command);
    expect(text).toContain(made.run.cases[0]!.variants[0]!.source!.weightsSha256);
    expect(await page.locator('#lens').isVisible()).toBe(false);
    expect(await page.locator('#bar').innerText()).toBe('');
    await page.close();
  });
});

describe('on paper', () => {
  it('is the verdict, whatever was looked at', async () => {
    const { page } = await openLens(browser, `${url}${lensFragment(made.failing[0]!)}`);
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('#verdict').isVisible()).toBe(true);
    expect(await page.locator('.workbench').isVisible()).toBe(false);
    expect((await page.pdf()).length).toBeGreaterThan(10_000);
    await page.close();
  });
});

describe('with forced colours', () => {
  it('marks of failing tokens and the choice are lines, which stay', async () => {
    const { page } = await openLens(browser, `${url}${lensFragment(made.failing[0]!)}`, { forcedColors: 'active' });
    await page.waitForSelector('.text .f');
    const style = (selector: string, name: string): Promise<string> =>
      page.evaluate<string>(`getComputedStyle(document.querySelector('${selector}')).${name}`);
    expect(await style('.text .f', 'textDecorationLine')).toBe('underline');
    expect(await style('.text .t', 'textDecorationStyle')).toBe('dashed');
    expect(await style('.text [aria-selected=true]', 'outlineStyle')).toBe('solid');
    await page.close();
  });
});

describe.each([400, 1280, 1920])('%i pixels wide', (width) => {
  it.each(['', 'token'])('nothing runs over the side of the page %s', async (what) => {
    const hash = what === '' ? '' : lensFragment(made.failing[0]!);
    const { page } = await openLens(browser, `${url}${hash}`, { viewport: { width, height: 900 } });
    if (what !== '') await page.waitForSelector('.pane .figures');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    await page.close();
  });
});
