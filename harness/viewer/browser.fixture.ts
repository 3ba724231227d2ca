// A real Chromium for tests of the lens: started once, with pages that fail their test on any error or request of their own.
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Where Debian and others put it; a test without a browser fails, it is never left out. */
const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export function startBrowser(): Promise<Browser> {
  const executablePath = process.env['QWEN_PCC_CHROMIUM'] ?? CANDIDATES.find((file) => existsSync(file));
  if (executablePath === undefined) {
    throw new Error(
      `these tests need a Chromium: install Debian's package chromium (looked at ${CANDIDATES.join(', ')})`,
    );
  }
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

export interface OpenedPage {
  readonly page: Page;
  /** What went wrong in it, or was asked of a network: nothing may. */
  readonly complaints: string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (/^(https?|wss?):/.test(request.url()) && request.url() !== url.split('#')[0])
      complaints.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}

/** As `openPage`, once the app stands. */
export async function openLens(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const opened = await openPage(browser, url, options);
  await opened.page.waitForSelector('html[data-ready=yes]');
  return opened;
}
