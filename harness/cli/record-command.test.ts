// What record refuses and what its help says; no process is needed for it.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { recordCommand } from './record-command.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-record-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('qwen-pcc record', () => {
  it.each([
    { args: ['--source', 'n150', '--device', 'capture:silicon.safetensors'], says: '--device capture:silicon' },
    { args: ['--source', 'reference', '--reference', 'golden:old.safetensors'], says: '--reference golden:old' },
    { args: ['--reference', 'golden:old.safetensors'], says: '--reference golden:old' },
  ])('refuses a recording in the place of a side: $args', async ({ args, says }) => {
    const out = path.join(scratch, 'never.safetensors');
    await expect(recordCommand().parseAsync([...args, '--out', out], { from: 'user' })).rejects.toMatchObject({
      code: 'RECORD_RECORDING',
      exitCode: 2,
      message: expect.stringContaining(says),
    });
    expect(existsSync(out)).toBe(false);
  });

  it('describes its own options and the form of the file, and the knobs that it names are below', () => {
    let help = '';
    const command = recordCommand().configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    expect(help).toMatch(/--weights <dir...>\s+the checkpoint folder, one/);
    expect(help).not.toMatch(/a case each|both tiny/);
    expect(help).not.toMatch(/--device <spec>[^-]*capture/);
    expect(help.indexOf('gridRows=')).toBeGreaterThan(help.indexOf('knobs below'));
    expect(help).toMatch(/input_ids {2}\[T\][\s\S]*logits {5}\[R, V\][\s\S]*docs\/recordings\.md/);
  });
});
