// inspect --why on a tiny run: healthy tokens are blamed for nothing, the record keeps its schema, and what cannot be asked is refused.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { WhyRecord } from '../record/why-record.ts';
import { callCommand } from './in-process.fixture.ts';
import { type Finished, ROOT } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-why-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const inspect = (...args: string[]): Promise<Finished> => callCommand(['inspect', '--out', scratch, ...args]);
const why = async (...args: string[]): Promise<WhyRecord> =>
  JSON.parse((await inspect('--token', '20', '--why', '--json', ...args)).stdout);

beforeAll(async () => {
  await callCommand([
    ...['validate', '--weights', 'fixtures/tiny-qwen2', '--prompt', 'senate-and-house'],
    ...['--max-new-tokens', '1', '--out', scratch],
  ]);
});

describe('inspect --why', () => {
  it('measures the token that the run had, blames nothing on a healthy device, and keeps the committed schema', async () => {
    const found = await why();
    const stored = JSON.parse((await inspect('--token', '20', '--stored', '--json')).stdout).record;
    expect(found.device.pcc).toBeCloseTo(stored.pcc, 9);
    expect(found).toMatchObject({ firstBlamed: null, healthy: found.device, token: { position: 20 } });
    expect(found.exact!.pcc).toBeGreaterThan(1 - 1e-9);
    const schema = z.fromJSONSchema(JSON.parse(readFileSync(path.join(ROOT, 'docs/schema/why.schema.json'), 'utf8')));
    expect(schema.safeParse(found).error).toBeUndefined();
  });

  it('blames a wrong epsilon on the norm of the first layer, names the knob, and what a byte of memory leaves out', async () => {
    const little = ['--memory', '1', '--weight-cache', path.join(scratch, 'packed')];
    const found = await why('--device', 'n150:rmsEps=0.1', ...little);
    expect(found.ops[found.firstBlamed!]).toMatchObject({ layer: 0, op: 'norm' });
    expect(found.words).toMatch(/RMSNorm of layer 0 does not compute/);
    expect(found.words).toMatch(/--device n150:rmsEps=0\.000001/);
    expect(found.notTried.map(({ names }) => names.slice(0, 2))).toEqual([['weightFormat', 'lmHeadFormat']]);
    expect(found.words).toMatch(/Not tried: weightFormat, lmHeadFormat, .* give --memory 1MiB\.$/);
    expect(found.changes.some(({ name }) => name === 'biasFormat')).toBe(true);
  });

  it('refuses a recording and --stored', async () => {
    expect(await inspect('--token', '20', '--why', '--stored')).toMatchObject({ code: 2, stdout: '' });
  });
});
