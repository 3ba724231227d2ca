// The lens in a real browser: a failing run of the N150 model is opened from disk, and its failing tokens are found by keys, links and search.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TapName } from '../../src/device/taps.ts';
import { worstTokens } from '../gate/token-highlights.ts';
import { keptTapsText, TAPS_FOLDER } from '../lens/kept-taps.ts';
import { writeLens } from '../lens/write-lens.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { readRun } from '../replay/read-run.ts';
import { formatPcc, formatSmall } from '../report/format.ts';
import { lensFragment } from '../report/lens-link.ts';
import { openLens, startBrowser } from './browser.fixture.ts';
import { type FailingRun, failingRun } from './failing-run.fixture.ts';

const out = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-lens-'));
let browser: Browser;
let made: FailingRun;
const complaints: string[] = [];

beforeAll(async () => {
  browser = await startBrowser();
  made = await failingRun(out);
});
afterAll(async () => {
  await browser?.close();
  rmSync(out, { recursive: true, force: true });
});
afterEach(() => expect(complaints.splice(0)).toEqual([]));

async function open(hash = ''): Promise<Page> {
  const opened = await openLens(browser, `${pathToFileURL(path.join(made.folder, 'report.html'))}${hash}`);
  opened.page.on('close', () => complaints.push(...opened.complaints));
  return opened.page;
}

/** What the address and the pane say of the token that is looked at; it comes when it is loaded. */
async function shown(page: Page): Promise<Record<string, string>> {
  const text = async (selector: string): Promise<string> =>
    (await page.locator(selector).allInnerTexts()).join(' ').trim();
  const figures = await page.locator('.figures dd').allInnerTexts();
  return {
    hash: new URL(page.url()).hash,
    position: /\d+/.exec(await text('.pane h2'))?.[0] ?? '',
    status: await text('.state b'),
    reason: await text('.reason'),
    pcc: figures[0] ?? '',
    kl: figures[1] ?? '',
    rank: figures[3] ?? '',
    selected: String(await page.locator('.text [aria-selected=true]').count()),
  };
}

const SOON = { timeout: 20_000 };
const expectShown = (page: Page, record: TokenRecord, hash = lensFragment(record)): Promise<void> =>
  expect.poll(() => shown(page), SOON).toEqual({ ...expected(record), hash });

function expected(record: TokenRecord): Record<string, string> {
  return {
    hash: lensFragment(record),
    position: String(record.position),
    status: record.status,
    reason: (record.reason ?? '').replaceAll(/\s+/g, ' '),
    pcc: formatPcc(record.pcc),
    kl: formatSmall(record.distribution?.klNats ?? null),
    rank: String(record.choice?.goldenRankOnActual ?? 'none'),
    selected: '1',
  };
}

describe('the lens of a failing run', () => {
  it('has failing tokens to find', () => {
    const { run, failing } = made;
    expect(run.verdict.status).toBe('fail');
    expect(failing.length).toBeGreaterThan(5);
  });

  it('opens with the verdict, its rules, numbers and links', async () => {
    const { run, records, failing } = made;
    const page = await open();
    expect(await page.textContent('h1')).toBe(
      `${failing.length} of ${records.length} judged tokens fail, and ${run.verdict.failingRules.length} of ${run.gate.rules.length} rules are broken.`,
    );
    const body = await page.locator('#verdict').innerText();
    for (const { id } of run.gate.rules) expect(body).toContain(id);
    expect(body).toContain(run.command);
    expect(await page.getAttribute('a.jump', 'href')).toBe(lensFragment(run.verdict.firstFailure!));
    await page.close();
  });

  it('finds every failing token with n, in order, with the numbers of the log', async () => {
    const page = await open();
    for (const record of made.failing.slice(0, 12)) {
      await page.keyboard.press('n');
      await expectShown(page, record);
    }
    await page.keyboard.press('p');
    await expectShown(page, made.failing[10]!);
    await page.close();
  });

  it('goes to the worst with w, and on to the next worst', async () => {
    const page = await open();
    const [worst, next] = worstTokens(made.records, 2);
    await page.keyboard.press('w');
    await expectShown(page, worst!);
    await page.keyboard.press('w');
    await expectShown(page, next!);
    await page.close();
  });

  it('opens at a link, tab included, and follows the address', async () => {
    const record = made.failing.at(-1)!;
    const page = await open(`${lensFragment(record)}?tab=numbers`);
    await expectShown(page, record, `${lensFragment(record)}?tab=numbers`);
    expect(await page.textContent('[role=tab][aria-selected=true]')).toBe('Numbers');
    await page.goto(`${page.url().split('#')[0]}${lensFragment(made.failing[0]!)}`);
    await expectShown(page, made.failing[0]!);
    await page.close();
  });

  it('leads an address that is not there to the nearest, and says so', async () => {
    const page = await open('#/general/other/senate-and-house/99999');
    await expect.poll(async () => (await shown(page))['hash'], SOON).toContain('/senate-and-house/');
    expect(await page.textContent('.notice')).toContain('This report has no general/other/senate-and-house/99999');
    await page.close();
  });

  it('searches by text over token borders, by id and by conditions', async () => {
    const page = await open();
    const count = async (query: string): Promise<string> => {
      await page.fill('#search', query);
      await expect.poll(() => page.locator('.search .count').innerText(), SOON).not.toBe('');
      await page.waitForTimeout(300);
      return page.locator('.search .count').innerText();
    };
    const below = made.records.filter(({ pcc }) => pcc !== null && pcc < 0.9);
    expect(await count('pcc<0.9')).toBe(String(below.length));
    expect(await count('status:fail')).toBe(String(made.failing.length));
    expect(await count('Fellow citizens')).toBe('2');
    expect(await count('no such text')).toBe('nothing');
    await page.fill('#search', 'Constitution requires');
    await expect.poll(() => page.locator('.search .count').innerText(), SOON).toBe('2');
    await page.press('#search', 'Enter');
    await expect.poll(() => page.locator('.context').innerText(), SOON).toContain('Constitution requires');
    await page.close();
  });

  it('is used by the keyboard alone: list box, tabs, help and the way back', async () => {
    const page = await open();
    await page.keyboard.press('n');
    await expectShown(page, made.failing[0]!);
    await page.focus('.text');
    const active = async (): Promise<string | null> => page.getAttribute('.text', 'aria-activedescendant');
    expect(await active()).toBe(`o${made.failing[0]!.position}`);
    await page.keyboard.press('ArrowRight');
    await expect.poll(active, SOON).toBe(`o${made.failing[0]!.position + 1}`);
    const box = async () => (await page.locator('.text [aria-selected=true]').boundingBox())!;
    const before = await box();
    await page.keyboard.press('ArrowDown');
    await expect.poll(async () => (await box()).y > before.y + 10, SOON).toBe(true);
    await page.keyboard.press('ArrowUp');
    await expect.poll(async () => Math.abs((await box()).y - before.y) < 10, SOON).toBe(true);
    for (const [key, name] of [
      ['2', 'Numbers'],
      ['3', 'Rows'],
      ['4', 'Vocabulary'],
      ['5', 'Why'],
      ['1', 'Choices'],
    ] as const) {
      await page.keyboard.press(key);
      await expect.poll(() => page.locator('[role=tab][aria-selected=true]').innerText(), SOON).toBe(name);
    }
    await page.keyboard.press('?');
    expect(await page.locator('.help tr').count()).toBeGreaterThan(10);
    await page.keyboard.press('Escape');
    expect(await page.locator('.help').count()).toBe(0);
    await page.keyboard.press('Escape');
    await expect.poll(() => page.locator('#verdict').isVisible(), SOON).toBe(true);
    await page.close();
  });

  it('shows what was kept of whole rows: density, histogram, a map of the vocabulary', async () => {
    const kept = made.failing.find(({ evidence }) => evidence !== null)!;
    const page = await open(`${lensFragment(kept)}?tab=rows`);
    await expect.poll(() => page.getAttribute('.density canvas', 'aria-label'), SOON).toMatch(/fitted line: device = /);
    expect(await page.getAttribute('.histogram svg', 'aria-label')).toMatch(/% of differences lie within/);
    await page.keyboard.press('4');
    await expect
      .poll(() => page.getAttribute('.vocabulary canvas', 'aria-label'), SOON)
      .toMatch(/^Map of the vocabulary: 2 blocks/);
    await page.close();
  });

  it('sets variants side by side, and says what fails on one only', async () => {
    const page = await open(lensFragment(made.failing[0]!));
    await expect.poll(() => page.locator('.variants tbody tr').count(), SOON).toBe(2);
    const beside = made.records.find(
      ({ variant, prompt, position }) =>
        variant === 'n150' && prompt === made.failing[0]!.prompt && position === made.failing[0]!.position,
    )!;
    expect(await page.locator('.variants tbody tr').nth(1).innerText()).toContain(formatPcc(beside.pcc));
    await page.keyboard.press('d');
    await expect.poll(() => page.locator('.text .o').count(), SOON).toBeGreaterThan(0);
    await page.keyboard.press('v');
    await expectShown(page, beside);
    await page.keyboard.press('}');
    expect(await page.textContent('.notice')).toBe('This run has one case.');
    await page.close();
  });

  it('shows taps that an inspection kept as a curve, and the first layer that falls', async () => {
    const record = made.failing[0]!;
    const taps = ['embedding', 'layers.0.out', 'layers.1.out'].map((tap, i) => {
      return { tap: tap as TapName, pcc: [1, 0.99, 0.5][i]!, relL2: i };
    });
    const kept = path.join(made.folder, TAPS_FOLDER);
    mkdirSync(kept);
    writeFileSync(path.join(kept, 'x.json'), keptTapsText(record, { taps }));
    const replay = readRun(made.folder);
    const file = path.join(made.folder, 'with-taps.html');
    writeFileSync(file, writeLens(concludeRun(replay), replay.highlights, made.folder)['report.html']!);
    const { page } = await openLens(browser, `${pathToFileURL(file)}${lensFragment(record)}?tab=why`);
    await expect
      .poll(() => page.getAttribute('.taps svg', 'aria-label'), SOON)
      .toBe('PCC from tap to tap: first below PCC 0.9: layers.1.out, 0.50000.');
    expect(await page.locator('.taps circle.low').count()).toBe(1);
    await page.close();
  });

  it('copies a link, the command and Markdown', async () => {
    const record = made.failing[0]!;
    const { page } = await openLens(
      browser,
      `${pathToFileURL(path.join(made.folder, 'report.html'))}${lensFragment(record)}`,
      { permissions: ['clipboard-read', 'clipboard-write'] },
    );
    await page.waitForSelector('.copies');
    const copied = async (name: string): Promise<string> => {
      await page.getByRole('button', { name }).click();
      await expect.poll(() => page.locator('.notice').innerText(), SOON).toContain('Copied');
      return page.evaluate<string>('navigator.clipboard.readText()');
    };
    expect(await copied('Copy command')).toBe(
      `qwen-pcc inspect reports/${made.run.runId} --variant n150:skipLayer=2 --prompt senate-and-house --token ${record.position}`,
    );
    expect(await copied('Copy Markdown')).toContain(`PCC ${formatPcc(record.pcc)}`);
    expect(await copied('Copy link')).toContain(lensFragment(record));
    await page.close();
  });
});
