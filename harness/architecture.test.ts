// ARCHITECTURE.md names files that are there.
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Folders that a path in the text may begin in. */
const ROOTS = ['.', 'src/device', 'harness'];

const text = readFileSync('ARCHITECTURE.md', 'utf8');
const named = [...text.matchAll(/`([\w./-]+\/[\w./-]+\.(?:ts|mjs|json|md))`/g)].map((match) => match[1]!);

it('every path in it leads to a file', () => {
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((name) => !ROOTS.some((root) => existsSync(`${root}/${name}`)))).toEqual([]);
});
