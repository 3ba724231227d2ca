// A file of the golden cache with any byte changed: its rows are made again, never trusted.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { filesOf, keep } from './golden-cached.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-golden-law-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const LONG = [[3, 1, 4], [1], [5], [9], [2], [6]];

it('a file is made again, whichever byte of it was changed', async () => {
  const folder = path.join(scratch, 'kept');
  await keep(folder, LONG);
  const [file] = filesOf(folder);
  const good = readFileSync(file!);
  for (let at = 0; at < good.length; at += 29) {
    const bad = Buffer.from(good);
    bad[at]! ^= 0x11;
    writeFileSync(file!, bad);
    await keep(folder, LONG);
    const healed = await keep(folder, LONG);
    expect({ at, opened: healed.opened.length }).toEqual({ at, opened: 0 });
    for (const other of filesOf(folder)) rmSync(other);
  }
});
