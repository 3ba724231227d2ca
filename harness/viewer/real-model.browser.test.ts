// The lens of a run of the real 0.5B, whose checkpoint is named by the variable that `npm run real-model` takes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CODER_VARIABLE } from '../bench/real-model/make-checkpoint.ts';
import { isPassing, worstTokens } from '../gate/token-highlights.ts';
import { readLog } from '../record/read-log.ts';
import { formatPcc } from '../report/format.ts';
import { lensFragment } from '../report/lens-link.ts';
import { runGate } from '../vitest/run-gate.ts';
import { openLens, startBrowser } from './browser.fixture.ts';

const checkpoint = process.env[CODER_VARIABLE] ?? '';
const didNotRun = checkpoint === '' ? ` (DID NOT RUN: ${CODER_VARIABLE} names no checkpoint)` : '';
const SOON = { timeout: 20_000 };
/** Short, so that it costs a minute; with more than ASCII. */
const PROMPTS = [
  { name: 'real-text', why: 'a real vocabulary', text: 'def größe(x):\n    return "日本 🙂" + str(x)  # Paris' },
];

describe('the lens of the real 0.5B', () => {
  it.skipIf(didNotRun !== '')(`shows its worst token and its text${didNotRun}`, async () => {
    const out = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-real-lens-'));
    const prompts = path.join(out, 'prompts.json');
    writeFileSync(prompts, JSON.stringify(PROMPTS));
    const browser = await startBrowser();
    try {
      const written = await runGate({ weights: checkpoint, prompts, maxNewTokens: 3, out });
      const records = [...readLog(written.folder)].flatMap(({ event }) => (event.event === 'token' ? [event] : []));
      const url = String(pathToFileURL(path.resolve(written.folder, 'report.html')));
      const { page, complaints } = await openLens(browser, url);
      expect(await page.locator('#verdict').innerText()).toContain(written.run.verdict.headline);
      await page.keyboard.press('w');
      const [worst] = worstTokens(records, 1);
      await expect.poll(() => new URL(page.url()).hash, SOON).toBe(lensFragment(worst!));
      await expect.poll(() => page.locator('.figures dd').first().innerText(), SOON).toBe(formatPcc(worst!.pcc));
      expect(await page.locator('.text [role=option]').count()).toBe(records.length);
      expect(await page.locator('.text').innerText()).toContain('größe');
      const failing = records.filter((record) => !isPassing(record)).length;
      expect(await page.locator('.text .f, .text .v').count()).toBe(failing);
      expect(await page.locator('.top tbody tr').count()).toBeGreaterThanOrEqual(10);
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
      rmSync(out, { recursive: true, force: true });
    }
  });
});
