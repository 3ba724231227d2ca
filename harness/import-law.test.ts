// The import law of ARCHITECTURE.md: src <- reference <- harness, no cycles, and a golden side without our arithmetic.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LAYERS = ['src', 'reference', 'harness'] as const;

/** What reference/ may take from src/: files to read and words to speak, no arithmetic. */
const REFERENCE_MAY_IMPORT = [
  /^src\/checkpoint\//,
  /^src\/text\//,
  /^src\/tensor\//,
  /^src\/errors\.ts$/,
  /^src\/device\/logits-source\.ts$/,
];

/** AssemblyScript has its own compiler and its own imports. */
const NOT_TYPESCRIPT = /^src\/device\/wormhole\/kernels\/assembly\//;

interface Import {
  readonly from: string;
  /** Path from the root for relative imports, package name otherwise. */
  readonly to: string;
  readonly isRelative: boolean;
}

const files = LAYERS.flatMap((layer) =>
  readdirSync(path.join(ROOT, layer), { recursive: true, encoding: 'utf8' })
    .map((file) => path.posix.join(layer, file.replaceAll('\\', '/')))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !file.includes('/node_modules/')),
).filter((file) => !NOT_TYPESCRIPT.test(file));
const imports = files.flatMap(importsOf);
const isTest = (file: string): boolean => /\.(test|gate)\.ts$|\.(property|twin|gate)\.test\.ts$/.test(file);

function importsOf(file: string): Import[] {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  const pattern =
    /^\s*(?:import|export)\s[^'";]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;
  return [...text.matchAll(pattern)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3]!;
    const isRelative = specifier.startsWith('.');
    return {
      from: file,
      to: isRelative ? path.posix.join(path.posix.dirname(file), specifier) : specifier,
      isRelative,
    };
  });
}

function breaches(isBreach: (one: Import) => boolean): string[] {
  return imports.filter(isBreach).map(({ from, to }) => `${from} imports ${to}`);
}

describe('imports', () => {
  it('are found by this test at all', () => {
    const ofThisFile = imports.filter(({ from }) => from === 'harness/import-law.test.ts').map(({ to }) => to);
    expect(ofThisFile).toEqual(['node:fs', 'node:path', 'node:url', 'vitest']);
    expect(imports.filter(({ isRelative }) => isRelative).length).toBeGreaterThan(files.length / 2);
  });

  it('point to files that exist, with their suffix', () => {
    expect(breaches(({ to, isRelative }) => isRelative && !existsSync(path.join(ROOT, to)))).toEqual([]);
  });

  it('go from harness to reference to src, never back', () => {
    const rank = (file: string): number => LAYERS.findIndex((layer) => file.startsWith(`${layer}/`));
    expect(breaches(({ from, to, isRelative }) => isRelative && rank(to) > rank(from))).toEqual([]);
  });

  it('of reference take no arithmetic from src', () => {
    const isForbidden = ({ from, to, isRelative }: Import): boolean =>
      isRelative &&
      from.startsWith('reference/') &&
      to.startsWith('src/') &&
      !isTest(from) &&
      !REFERENCE_MAY_IMPORT.some((allowed) => allowed.test(to));
    expect(breaches(isForbidden)).toEqual([]);
  });

  it('of src know neither ONNX Runtime nor, outside tests, vitest', () => {
    const isForbidden = ({ from, to }: Import): boolean =>
      from.startsWith('src/') && (to.startsWith('onnxruntime') || (to.startsWith('vitest') && !isTest(from)));
    expect(breaches(isForbidden)).toEqual([]);
  });

  it('of shipped code never reach into a test', () => {
    expect(breaches(({ from, to, isRelative }) => isRelative && !isTest(from) && isTest(to))).toEqual([]);
  });

  it('form no cycle', () => {
    const next = new Map<string, string[]>();
    for (const { from, to, isRelative } of imports) if (isRelative) next.set(from, [...(next.get(from) ?? []), to]);
    expect(findCycle(next)).toBeUndefined();
  });
});

describe('findCycle', () => {
  it('finds a cycle that is not at the start', () => {
    const next = new Map([
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['d', ['b']],
    ]);
    expect(findCycle(next)).toEqual(['b', 'd', 'b']);
  });
});

/** The first cycle found by a depth-first walk, as a path that ends where it began. */
function findCycle(next: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const walk = (node: string, trail: readonly string[]): string[] | undefined => {
    const seenAt = trail.indexOf(node);
    if (seenAt >= 0) return [...trail.slice(seenAt), node];
    if (done.has(node)) return undefined;
    for (const target of next.get(node) ?? []) {
      const cycle = walk(target, [...trail, node]);
      if (cycle !== undefined) return cycle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of next.keys()) {
    const cycle = walk(node, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
