// The ONNX reference behind a golden cache: bit for bit the one without, on either side of a comparison; with taps there is no cache.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { ReferenceOptions } from '../../reference/reference-options.ts';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { GoldenCacheUse } from './golden-cache.ts';
import { openOnnx } from './open-onnx.ts';
import { packageFile } from './package-root.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-open-onnx-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const checkpoint = openCheckpoint(packageFile('fixtures/tiny-qwen2'));

/** A long known text in two feeds, and tokens one by one. */
const FEEDS = [40, 23, 1, 1, 1, 1].map((length, feed) =>
  Int32Array.from({ length }, (_, i) => (feed * 7 + i * 3) % 200),
);

async function rowsOf(
  options: ReferenceOptions,
  feeds: readonly Int32Array[],
  folder?: string,
): Promise<{ rows: Buffer; use: GoldenCacheUse }> {
  const use = new GoldenCacheUse();
  const source = await openOnnx(checkpoint, options, 'device', folder === undefined ? undefined : { folder, use });
  const rows: Uint8Array[] = [];
  for (const ids of feeds) {
    await source.feed(ids, { rows: 'all' }, ({ logits }) => {
      rows.push(new Uint8Array(logits.slice().buffer));
    });
  }
  await source.close();
  return { rows: Buffer.concat(rows), use };
}

it.each([
  { precision: 'fp32', weights: 'resident', threads: 2 },
  { precision: 'bf16', weights: 'mapped', threads: 2, chunk: 16 },
  { precision: 'fp32', weights: 'streamed', threads: 1 },
] as const)('has the same bits read, made, and gone on with: %o', async (options) => {
  const folder = path.join(scratch, `${options.precision}-${options.weights}`);
  const { rows } = await rowsOf(options, FEEDS);
  const count = FEEDS.reduce((sum, { length }) => sum + length, 0);
  for (const kept of [1, 4, FEEDS.length]) await rowsOf(options, FEEDS.slice(0, kept), folder);
  const read = await rowsOf(options, FEEDS, folder);
  expect(read.use).toEqual({ rowsRead: count, rowsMade: 0, problem: null });
  expect(read.rows.equals(rows)).toBe(true);
});

it('has no cache when taps are asked of it', async () => {
  const folder = path.join(scratch, 'taps');
  const { use } = await rowsOf({ precision: 'fp32', taps: ['norm.out'] }, FEEDS.slice(0, 1), folder);
  expect({ use, isMade: existsSync(folder) }).toEqual({ use: new GoldenCacheUse(), isMade: false });
});
