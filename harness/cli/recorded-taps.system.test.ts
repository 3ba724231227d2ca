// A recording may bring any tap: each is named in docs/recordings.md, recorded, and compared where its token is inspected.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { allTaps, LAYER_TAPS } from '../../src/device/taps.ts';
import type { WhyRecord } from '../record/why-record.ts';
import { callCommand } from './in-process.fixture.ts';
import { ROOT } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-taps-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const TAPS = allTaps(6);
const CASE = ['--weights', 'fixtures/tiny-qwen2', '--prompt', 'treasury-digits', '--max-new-tokens', '0'];

describe('a recording with taps', () => {
  it('has every tap that it brought compared with the reference', async () => {
    const file = path.join(scratch, 'card.safetensors');
    const record = ['record', '--source', 'n150', ...CASE, '--out', file, '--taps', 'all'];
    expect((await callCommand(record)).code).toBe(0);
    const out = ['--out', path.join(scratch, 'reports')];
    await callCommand(['validate', '--weights', 'fixtures/tiny-qwen2', '--device', `capture:${file}`, ...out]);
    const { stdout } = await callCommand(['inspect', ...out, '--token', '20', '--json']);
    const { taps } = JSON.parse(stdout) as { taps: { tap: string; pcc: number | null }[] };
    expect(taps.map(({ tap }) => tap).sort()).toEqual([...TAPS].sort());
    for (const { tap, pcc } of taps) expect(pcc, tap).toBeGreaterThan(0.99);

    const why = (...args: string[]) => callCommand(['inspect', ...out, '--token', '20', '--why', ...args]);
    expect((await why()).stdout).toMatch(
      /105 of 105 taps recorded[\s\S]*No recorded operation errs more than one of a healthy n150/,
    );
    const held = JSON.parse((await why('--healthy', 'n150:kvFormat=BF16', '--json')).stdout) as WhyRecord;
    expect(held.ops[held.firstBlamed!]).toMatchObject({ layer: 0, op: 'kvCache' });
    expect(held.words).toMatch(/in every layer alike, as a setting makes it: .*--healthy n150:KNOB=VALUE/);
  });

  it('finds the name of every tap in docs/recordings.md', () => {
    const text = readFileSync(path.join(ROOT, 'docs/recordings.md'), 'utf8');
    for (const name of Object.keys(LAYER_TAPS)) expect(text).toContain(`\`${name === 'out' ? 'layers.N.out' : name}\``);
  });
});
