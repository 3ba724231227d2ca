// Inspecting a token whose run lost its files, found others of the same name, or needs none of them.
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { callCommand } from './in-process.fixture.ts';
import { type Finished, ROOT } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-inspect-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const VALIDATE = [
  ...['validate', '--weights', 'fixtures/tiny-qwen2', '--prompt', 'senate-and-house'],
  ...['--max-new-tokens', '4', '--out', scratch],
];

describe('qwen-pcc inspect', () => {
  const inspected = (...args: string[]): Promise<Finished> =>
    callCommand(['inspect', '--out', scratch, '--token', '9', ...args]);

  it('runs a token of a run from another machine again with --weights, asks for it without, and shows what is stored', async () => {
    await callCommand(VALIDATE);
    rmSync(path.join(scratch, 'last/local.json'));
    const without = await inspected();
    expect(without).toMatchObject({ code: 2, stdout: '' });
    expect(without.stderr).toMatch(/LOCAL_PATHS[\s\S]*--weights/);
    expect((await inspected('--stored')).stdout).toMatch(/"<id \d+>"/);
    const again = await inspected('--weights', 'fixtures/tiny-qwen2');
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/next in the text +\d+ ".+": golden[\s\S]*layers\.5\.out/);
  });

  it('refuses another checkpoint of the same name and tokenizer', async () => {
    await callCommand(VALIDATE);
    const { code, stderr } = await inspected('--weights', retouchedCheckpoint());
    expect({ code }).toEqual({ code: 4 });
    expect(stderr).toMatch(/WEIGHTS_DIFFER/);
  });

  it('shows texts of what is stored where the tokenizer is there', async () => {
    await callCommand(VALIDATE);
    const { code, stdout } = await inspected('--stored');
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/<id|worst vocabulary entries/);
  });
});

/** tiny-qwen2 under its own name, with one byte of a weight changed. */
function retouchedCheckpoint(): string {
  const folder = path.join(scratch, 'retouched', 'tiny-qwen2');
  cpSync(path.join(ROOT, 'fixtures/tiny-qwen2'), folder, { recursive: true });
  const file = path.join(folder, 'model.safetensors');
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  chmodSync(file, 0o644);
  writeFileSync(file, bytes);
  return folder;
}
