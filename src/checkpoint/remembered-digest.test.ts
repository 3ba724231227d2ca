// Remembered digests: hashed once, again after any change of a file, and never trusted when what is remembered is damaged.
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hashFiles } from './hash-files.ts';
import { rememberedDigest } from './remembered-digest.ts';

const root = mkdtempSync(join(tmpdir(), 'qwen-pcc-digest-'));
afterAll(() => rmSync(root, { recursive: true }));

function setUp(name: string) {
  const files = ['a', 'b'].map((part) => join(root, `${name}-${part}.safetensors`));
  for (const file of files) writeFileSync(file, `weights of ${file}`);
  const folder = join(root, `${name}-cache`, 'tensors');
  let hashed = 0;
  const digest = (): Promise<string> =>
    rememberedDigest(files, folder, () => {
      hashed++;
      return hashFiles(files);
    });
  return { files, folder, digest, hashed: () => hashed };
}

describe('rememberedDigest', () => {
  it('hashes once', async () => {
    const { files, digest, hashed, folder } = setUp('once');
    const first = await digest();
    expect(first).toBe(await hashFiles(files));
    expect(await digest()).toBe(first);
    expect(hashed()).toBe(1);
    expect(readdirSync(folder)).toEqual(['checkpoint-sha256.json']);
  });

  it('hashes again after a change that keeps size and modification time', async () => {
    const { files, digest, hashed } = setUp('changed');
    const first = await digest();
    const text = readFileSync(files[1]!, 'utf8');
    writeFileSync(files[1]!, text.replace('weights', 'Weights'));
    utimesSync(files[1]!, 1, 1);
    const second = await digest();
    expect(second).not.toBe(first);
    writeFileSync(files[1]!, text);
    utimesSync(files[1]!, 1, 1);
    expect(await digest()).toBe(first);
    expect(hashed()).toBe(3);
  });

  it('hashes again when what it remembers is damaged', async () => {
    const { folder, digest, hashed } = setUp('damaged');
    const first = await digest();
    appendFileSync(join(folder, 'checkpoint-sha256.json'), 'x');
    expect(await digest()).toBe(first);
    expect(hashed()).toBe(2);
  });

  it('does not remember files that change while they are hashed', async () => {
    const { files, folder } = setUp('moving');
    await rememberedDigest(files, folder, async () => {
      appendFileSync(files[0]!, 'more');
      return '0'.repeat(64);
    });
    expect(await rememberedDigest(files, folder, () => hashFiles(files))).toBe(await hashFiles(files));
  });

  it('gives the digest where nothing can be remembered', async () => {
    const { files } = setUp('read-only');
    const below = join(files[0]!, 'no-folder');
    expect(await rememberedDigest(files, below, () => hashFiles(files))).toBe(await hashFiles(files));
  });
});
