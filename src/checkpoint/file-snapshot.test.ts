// A checkpoint that changes under a run is noticed; one that is only looked at, linked or touched where it does not matter is not blamed.
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ComparisonInvalidError } from '../errors.ts';
import { checkpointCopies, rewriteJson } from './checkpoint.fixture.ts';
import { openCheckpoint } from './weights.ts';

const { copyOf } = checkpointCopies(afterAll);
const CONFIG = 'config.json';
const SHARD = 'model-00002-of-00004.safetensors';
let copies = 0;

const LONG_AGO = 1_000_000_000;

/** Writes other bytes and sets the modification time back, as rsync and tar do. */
function forge(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(path, bytes);
  utimesSync(path, LONG_AGO, LONG_AGO);
}

describe('requireUnchanged', () => {
  it.each([
    {
      name: 'a shard replaced by another file',
      change: (folder: string) => {
        copyFileSync(join(folder, SHARD), join(folder, 'x'));
        renameSync(join(folder, 'x'), join(folder, SHARD));
      },
      says: 'it was replaced',
    },
    {
      name: 'a shard edited in place',
      change: (folder: string) => {
        const path = join(folder, SHARD);
        const bytes = readFileSync(path);
        bytes[5000]! ^= 1;
        writeFileSync(path, bytes);
      },
      says: 'it was written to',
    },
    {
      name: 'a shard edited, its time set back',
      change: (folder: string) => forge(join(folder, SHARD)),
      says: 'weights +their content',
    },
    { name: 'a shard cut', change: (folder: string) => truncateSync(join(folder, SHARD), 9000), says: 'and has 9000' },
    { name: 'a shard removed', change: (folder: string) => rmSync(join(folder, SHARD)), says: 'it is gone' },
    {
      name: 'another config',
      change: (folder: string) => rewriteJson(folder, CONFIG, (config) => ({ ...config, rope_theta: 1 })),
      says: 'config.json +its content',
    },
    {
      name: 'a new generation_config',
      change: (folder: string) => appendFileSync(join(folder, 'generation_config.json'), ' '),
      says: 'generation_config.json',
    },
  ])('refuses $name', async ({ change, says }) => {
    const folder = copyOf('golden-hf/quirk-sharded-heavy', `changing-${copies++}`);
    utimesSync(join(folder, SHARD), LONG_AGO, LONG_AGO);
    const checkpoint = openCheckpoint(folder);
    await checkpoint.sha256();
    await checkpoint.requireUnchanged();
    change(folder);
    const error = await checkpoint.requireUnchanged().catch((thrown: unknown) => thrown as ComparisonInvalidError);
    expect(error).toBeInstanceOf(ComparisonInvalidError);
    expect(error).toMatchObject({ code: 'CHECKPOINT_CHANGED', exitCode: 4 });
    expect((error as ComparisonInvalidError).message).toMatch(new RegExp(says));
  });

  it.each([
    { name: 'nothing', change: () => {} },
    { name: 'a hard link', change: (folder: string) => linkSync(join(folder, SHARD), join(folder, 'backup')) },
    { name: 'permissions', change: (folder: string) => chmodSync(join(folder, SHARD), 0o600) },
    {
      name: 'a name, and back',
      change: (folder: string) => {
        renameSync(join(folder, SHARD), join(folder, 'x'));
        renameSync(join(folder, 'x'), join(folder, SHARD));
      },
    },
    { name: 'the time of a config', change: (folder: string) => utimesSync(join(folder, CONFIG), 0, 0) },
    { name: 'a file beside', change: (folder: string) => writeFileSync(join(folder, 'README.md'), '') },
  ])('does not blame $name', async ({ change }) => {
    const folder = copyOf('golden-hf/quirk-sharded-heavy', `quiet-${copies++}`);
    const checkpoint = openCheckpoint(folder);
    await checkpoint.sha256();
    change(folder);
    await expect(checkpoint.requireUnchanged()).resolves.toBeUndefined();
  });

  it('compares with a later snapshot where one is given', async () => {
    const folder = copyOf('golden-hf/quirk-sharded-heavy', 'later');
    const checkpoint = openCheckpoint(folder);
    appendFileSync(join(folder, CONFIG), ' ');
    const later = checkpoint.snapshot();
    await expect(checkpoint.requireUnchanged(later)).resolves.toBeUndefined();
    await expect(checkpoint.requireUnchanged()).rejects.toThrow(/config\.json/);
  });
});
