// Foreign text in every place that a report shows: markup, marks that reorder, NUL, half characters, ten kilobytes; it does nothing.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runToy, TOY_VOCABULARY, toyCaseOf } from '../run/toy-run.fixture.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { openLens, startBrowser } from './browser.fixture.ts';

const HOSTILE = [
  '</script><script>alert(1)</script>',
  '<img src=x onerror=alert(2)>',
  '--><!--',
  '\u202egnp.exe\u2066',
  '\u0000\u0007\u001b[31m',
  '\ud800half',
  '👩‍🚀',
  'x'.repeat(10_240),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what a template would run
  '"\'`${alert(3)}$&$1',
  '<!--qp:data-->',
];
const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-hostile-'));
let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  rmSync(scratch, { recursive: true, force: true });
});

it('shows hostile texts, names and messages as text, in every tab', async () => {
  const name = HOSTILE.slice(0, 5).join('');
  const variant = `${HOSTILE[1]}${HOSTILE[8]}`;
  const devices = {
    [variant]: () => new ToySource(TOY_VOCABULARY, (row) => ({ ...row, logits: row.logits.reverse() })),
  };
  const one = toyCaseOf(
    {
      name,
      model: HOSTILE[0]!,
      reference: { kind: 'onnx', precision: 'fp32' },
      tokenizerSha256: '0',
      eosTokenIds: [],
      prompts: [
        {
          name: HOSTILE[2]! + HOSTILE[0]!,
          user: 0,
          promptIds: HOSTILE.map((_, i) => i),
          continuationIds: null,
          positions: null,
        },
      ],
      variants: [{ name: variant, model: 'toy', device: { kind: 'capture', recording: variant, logitsFormat: null } }],
    },
    devices,
  );
  const texts = { ...one.texts, textOf: (id: number) => HOSTILE[id % HOSTILE.length]! };
  const { folder } = await runToy(scratch, [{ ...one, texts }]);
  const file = path.join(folder, 'report.html');
  const html = readFileSync(file, 'utf8');
  // What is the app's own stands once; nothing foreign opened an element.
  expect(html.match(/<script>/g)).toBeNull();
  expect(html).not.toContain('<img src');
  const { page, complaints } = await openLens(browser, String(pathToFileURL(file)));
  expect(await page.locator('img').count()).toBe(0);
  await page.keyboard.press('n');
  await page.waitForSelector('.pane .figures');
  for (let token = 0; token < HOSTILE.length; token++) {
    for (const key of ['1', '2', '3', '4', '5']) await page.keyboard.press(key);
    await page.keyboard.press('ArrowRight');
    await page.waitForTimeout(30);
  }
  await page.fill('#search', HOSTILE[0]!);
  await expect.poll(() => page.locator('.search .count').innerText(), { timeout: 20_000 }).toMatch(/^\d/);
  const text = await page.locator('.text').innerText();
  expect(text).toContain('</script><script>alert(1)</script>');
  expect(text).toContain('\\u202egnp.exe\\u2066');
  expect(text).toContain('\\u0000\\u0007\\u001b[31m');
  expect(text).toContain('\\ud800half');
  expect(text).toContain('(10240 characters)');
  expect(text.length).toBeLessThan(5000);
  expect(await page.locator('img, iframe, object').count()).toBe(0);
  expect(await page.locator('script[type=module]').count()).toBe(1);
  expect(complaints).toEqual([]);
  await page.close();
});
