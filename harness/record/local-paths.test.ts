// Where files are: read as they were written; what is none is refused by the name of the file, with the caller's next step.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LOCAL_FILE, type LocalPaths, readLocalPaths } from './local-paths.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-local-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = path.join(folder, LOCAL_FILE);

const paths: LocalPaths = {
  currentFolder: '/home/me',
  arguments: ['validate', '--weights', 'w'],
  cases: {
    general: { weights: '/w', golden: '/g', variants: { n150: { weights: '/v' }, recorded: { recording: '/r' } } },
  },
  threads: 2,
  memoryBytes: 1 << 30,
  weightCache: '/cache',
  qwenDir: '/qwen',
};

describe('readLocalPaths', () => {
  it('brings back every path', () => {
    writeFileSync(file, JSON.stringify(paths));
    expect(readLocalPaths(folder, 'none')).toEqual(paths);
  });

  it.each([
    { name: 'a file that is no JSON', text: '{"currentFolder', found: /JSON/ },
    { name: 'a field that nobody knows', text: JSON.stringify({ ...paths, surprise: 1 }), found: /^\[$/ },
    { name: 'half a thread', text: JSON.stringify({ ...paths, threads: 0.5 }), found: /^\[$/ },
  ])('refuses $name with its first line and the hint that it was given', ({ text, found }) => {
    writeFileSync(file, text);
    expect(() => readLocalPaths(folder, 'name the weights with --weights.')).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(`${file}: nothing says where this run's files are.`),
        code: 'LOCAL_PATHS',
        exitCode: 2,
        facts: { found: expect.stringMatching(found) },
        hint: 'name the weights with --weights.',
        cause: expect.any(Error),
      }),
    );
  });

  it('says so when the folder came without it', () => {
    rmSync(file);
    expect(() => readLocalPaths(folder, 'x')).toThrow(
      expect.objectContaining({ code: 'LOCAL_PATHS', facts: { found: expect.stringContaining('ENOENT') } }),
    );
  });
});
