// The lens in a real browser: a failing run of the N150 model is opened from disk, and its failing tokens are found by keys, links and search.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isPassing, worstTokens } from '../gate/token-highlights.ts';
import { readLog } from '../record/read-log.ts';
import { parseRunRecord, type RunRecord } from '../record/run-record.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { formatPcc, formatSmall } from '../report/format.ts';
import { lensFragment } from '../report/lens-link.ts';
import { runGate } from '../vitest/run-gate.ts';
import { openLens, startBrowser } from './browser.fixture.ts';

const out = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-lens-'));
let browser: Browser;
let folder: string;
let run: RunRecord;
let records: TokenRecord[];
let failing: TokenRecord[];
const complaints: string[] = [];

beforeAll(async () => {
  browser = await startBrowser();
  // A layer that the device leaves out, on two prompts; the honest device beside it.
  const written = await runGate({
    weights: 'fixtures/tiny-qwen2',
    only: ['senate-and-house', 'emoji-harbour'],
    device: ['n150:skipLayer=2', 'n150'],
    maxNewTokens: 8,
    out,
  });
  folder = written.folder;
  run = parseRunRecord(readFileSync(path.join(folder, 'run.json'), 'utf8'));
  records = [...readLog(folder)].flatMap(({ event }) => (event.event === 'token' ? [event] : []));
  failing = inReportOrder(records.filter((record) => !isPassing(record)));
});
afterAll(async () => {
  await browser?.close();
  rmSync(out, { recursive: true, force: true });
});
afterEach(() => expect(complaints.splice(0)).toEqual([]));

/** Prompt by prompt, the variants of each one after the other. */
function inReportOrder(tokens: readonly TokenRecord[]): TokenRecord[] {
  const [one] = run.cases;
  const rank = ({ prompt, variant }: TokenRecord): number =>
    one!.variants[0]!.prompts.findIndex(({ name }) => name === prompt) * 10 +
    one!.variants.findIndex(({ name }) => name === variant);
  return [...tokens].sort((a, b) => rank(a) - rank(b) || a.position - b.position);
}

async function open(hash = ''): Promise<Page> {
  const opened = await openLens(browser, `${pathToFileURL(path.resolve(folder, 'report.html'))}${hash}`);
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
    expect(run.verdict.status).toBe('fail');
    expect(failing.length).toBeGreaterThan(5);
  });

  it('opens with the verdict, its rules, numbers and links', async () => {
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
    for (const record of failing.slice(0, 12)) {
      await page.keyboard.press('n');
      await expectShown(page, record);
    }
    await page.keyboard.press('p');
    await expectShown(page, failing[10]!);
    await page.close();
  });

  it('goes to the worst with w, and on to the next worst', async () => {
    const page = await open();
    const [worst, next] = worstTokens(records, 2);
    await page.keyboard.press('w');
    await expectShown(page, worst!);
    await page.keyboard.press('w');
    await expectShown(page, next!);
    await page.close();
  });

  it('opens at a link, tab included, and follows the address', async () => {
    const record = failing.at(-1)!;
    const page = await open(`${lensFragment(record)}?tab=numbers`);
    await expectShown(page, record, `${lensFragment(record)}?tab=numbers`);
    expect(await page.textContent('[role=tab][aria-selected=true]')).toBe('Numbers');
    await page.goto(`${page.url().split('#')[0]}${lensFragment(failing[0]!)}`);
    await expectShown(page, failing[0]!);
    await page.close();
  });

  it('leads an address that is not there to the nearest, and says so', async () => {
    const page = await open('#/general/other/senate-and-house/99999');
    await expect.poll(async () => (await shown(page))['hash'], SOON).toContain('/senate-and-house/');
    expect(await page.textContent('.notice')).toContain('This report has no general/other/senate-and-house/99999');
    await page.close();
  });
});
