// qwen-pcc synthesize as a command: what it refuses, before it writes a gigabyte.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createProgram } from './program.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-synthesize-command-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function synthesize(...args: string[]): Promise<unknown> {
  return createProgram().parseAsync(['node', 'qwen-pcc', 'synthesize', ...args]);
}

describe('qwen-pcc synthesize', () => {
  it('refuses an unknown model with the nearest one', async () => {
    await expect(synthesize(scratch, '--like', 'Qwen2-70B')).rejects.toThrow(/did you mean Qwen2-7B\?/);
  });

  it.each([
    { option: '--layers', value: '0' },
    { option: '--seed', value: '-1' },
  ])('refuses $option $value', async ({ option, value }) => {
    await expect(synthesize(scratch, '--like', 'Qwen2-7B', option, value)).rejects.toThrow(`${option} must be`);
  });

  it('refuses a folder with files in it and names --force', async () => {
    writeFileSync(join(scratch, 'notes.txt'), '');
    await expect(synthesize(scratch, '--like', 'Qwen2-7B')).rejects.toThrow(/notes\.txt[\s\S]*--force/);
    expect(readdirSync(scratch)).toEqual(['notes.txt']);
  });
});
