// A recording.json that names files which cannot be there is refused by name, whatever the system says to such a name.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../../errors.ts';
import { readIndexedFolder } from './npy-index.ts';

const folder = mkdtempSync(join(tmpdir(), 'qwen-pcc-npy-index-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('readIndexedFolder', () => {
  it.each([
    ['that is missing', 'none.npy'],
    ['too long for a file system', 'a'.repeat(100_000)],
    ['with a NUL', 'a\0.npy'],
    ['without a letter', ''],
    ['of the folder itself', '.'],
  ])('refuses a name %s', (_, logits) => {
    writeFileSync(join(folder, 'recording.json'), JSON.stringify({ prompts: [{ name: 'a', input_ids: [1], logits }] }));
    expect(() => readIndexedFolder(folder)).toThrow(InputError);
    expect(() => readIndexedFolder(folder)).toThrow('a file that it names is missing');
  });
});
