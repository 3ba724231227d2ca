// The import law of ARCHITECTURE.md: src <- reference <- harness, rooms by a table, no cycles, a golden side without our arithmetic.
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
  /^src\/machine\.ts$/,
  /^src\/device\/(logits-source|taps)\.ts$/,
];

/** Single files of src that any room may use, such as errors. */
const COMMON_GROUND = /^src\/(?!index\.ts)[^/]+\.ts$/;

const SRC_ROOMS = ['src/files', 'src/checkpoint', 'src/text', 'src/tensor', 'src/numerics', 'src/device'] as const;
const DEVICES = ['src/device/wormhole', 'src/device/n150', 'src/device/capture'] as const;
const JUDGING = [
  'harness/record',
  'harness/metrics',
  'harness/paired',
  'harness/baseline',
  'harness/gate',
  'harness/ladder',
  'harness/replay',
] as const;
const RUNNING = [
  'harness/sequence',
  'harness/sources',
  'harness/run',
  'harness/report',
  'harness/lens',
  'harness/demo',
  'harness/faults',
  'harness/why',
] as const;
/**
 * What each room may import besides itself and the common ground. A room is a folder of harness or src, of src/device too; a file beside
 * such folders counts to the folder above (`src/device` is the contract: sources, taps). Tests and their fixtures look into any room.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/tensor': [],
  'src/numerics': [],
  'src/text': [],
  'src/files': [],
  'src/checkpoint': ['src/tensor', 'src/files', 'src/text'],
  'src/device': ['src/checkpoint', 'src/numerics'],
  'src/device/wormhole': ['src/tensor', 'src/numerics'],
  'src/device/n150': ['src/files', 'src/checkpoint', 'src/tensor', 'src/numerics', 'src/device', 'src/device/wormhole'],
  'src/device/capture': ['src/files', 'src/checkpoint', 'src/tensor', 'src/text', 'src/numerics', 'src/device'],
  src: [...SRC_ROOMS, ...DEVICES],
  reference: ['src/checkpoint', 'src/text', 'src/tensor', 'src/device'],

  'harness/record': ['src/device', 'src/numerics', 'src/files'],
  'harness/metrics': ['harness/record', 'src/numerics'],
  'harness/paired': ['harness/metrics', 'src/numerics'],
  'harness/baseline': ['harness/record', 'harness/paired', 'src/device'],
  'harness/gate': ['harness/record', 'harness/metrics'],
  'harness/ladder': ['harness/record', 'harness/metrics'],
  'harness/replay': ['harness/record', 'harness/metrics', 'harness/gate', 'harness/ladder', 'harness/baseline'],
  'harness/sequence': ['harness/record', 'src/device'],
  'harness/sources': ['harness/record', 'harness/sequence', 'reference', ...SRC_ROOMS, ...DEVICES],
  'harness/faults': ['harness/sources', 'src/checkpoint', 'src/device'],
  'harness/selftest': [
    ...JUDGING,
    'harness/sequence',
    'harness/sources',
    'harness/run',
    'harness/faults',
    ...SRC_ROOMS,
  ],
  'harness/run': [...JUDGING, 'harness/sequence', 'harness/sources', 'reference', ...SRC_ROOMS, ...DEVICES],
  'harness/why': ['harness/record', 'harness/metrics', 'harness/sequence', 'harness/sources', ...SRC_ROOMS, ...DEVICES],
  'harness/rules-file': ['harness/record', 'harness/gate'],
  'harness/suggest': [...JUDGING, 'harness/rules-file'],
  'harness/report': ['harness/record', 'harness/gate', 'harness/replay'],
  'harness/ttnn': ['harness/record', 'harness/report', 'src/text'],
  'harness/bundle': [
    'harness/record',
    'harness/gate',
    'harness/report',
    'harness/run',
    'src/device',
    'src/checkpoint',
    'src/numerics',
    'src/files',
    'src/text',
  ],
  'harness/lens': [
    'harness/record',
    'harness/ladder',
    'harness/gate',
    'harness/report',
    'harness/compare',
    'harness/history',
    'src/device',
    'src/checkpoint',
  ],
  // In the browser: words and formats, and nothing that reads a file.
  'harness/viewer': ['harness/record', 'harness/report', 'harness/lens'],
  'harness/compare': [...JUDGING, 'harness/report', ...SRC_ROOMS, 'src/device/wormhole', 'src/device/n150'],
  'harness/history': [...JUDGING, 'harness/report'],
  'harness/hub': ['harness/report', 'src/files', 'src/checkpoint'],
  'harness/synthesize': ['src/files', 'src/checkpoint', 'src/tensor', 'src/numerics'],
  'harness/demo': [
    'harness/record',
    'harness/sequence',
    'harness/sources',
    'harness/report',
    ...SRC_ROOMS,
    'src/device/n150',
  ],
  'harness/vitest': [...JUDGING, ...RUNNING, 'harness/rules-file', ...SRC_ROOMS],
  'harness/build': [],
  'harness/calibration': ['harness/vitest', ...JUDGING, ...RUNNING, ...SRC_ROOMS],
  'harness/bench': [
    'harness/cli',
    'harness/rules-file',
    'harness/bundle',
    'harness/history',
    'harness/ttnn',
    'harness/compare',
    'harness/viewer',
    ...JUDGING,
    ...RUNNING,
    'reference',
    ...SRC_ROOMS,
    ...DEVICES,
  ],
  'harness/cli': [
    ...JUDGING,
    ...RUNNING,
    'harness/rules-file',
    'harness/suggest',
    'harness/selftest',
    'harness/bundle',
    'harness/history',
    'harness/ttnn',
    'harness/compare',
    'harness/hub',
    'harness/synthesize',
    'reference',
    ...SRC_ROOMS,
    ...DEVICES,
  ],
  harness: [
    'harness/bundle',
    'harness/history',
    'harness/vitest',
    ...JUDGING,
    ...RUNNING,
    'harness/rules-file',
    'harness/compare',
    'harness/hub',
    'reference',
    'src',
  ],
};

/** Imports against the table, by name: the list may shrink only. */
const EXCEPTIONS: readonly string[] = [];

function roomOf(file: string): string {
  const [layer, ...folders] = file.split('/').slice(0, -1);
  const depth = layer === 'src' && folders[0] === 'device' ? 2 : layer === 'reference' ? 0 : 1;
  return [layer, ...folders.slice(0, depth)].join('/');
}

/** AssemblyScript has its own compiler and its own imports. */
const NOT_TYPESCRIPT = /^(src\/device\/wormhole|harness\/metrics)\/kernels\/assembly\//;

interface Import {
  readonly from: string;
  /** Path from the root for relative imports, package name otherwise. */
  readonly to: string;
  readonly isRelative: boolean;
}

const files = LAYERS.flatMap((layer) =>
  readdirSync(path.join(ROOT, layer), { recursive: true, encoding: 'utf8' })
    .map((file) => path.posix.join(layer, file.replaceAll('\\', '/')))
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts') && !file.includes('/node_modules/')),
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

const isTestSupport = (file: string): boolean => isTest(file) || file.endsWith('.fixture.ts');

/** Imports of shipped code across rooms. */
const crossings = imports.filter(
  ({ from, to, isRelative }) =>
    isRelative && !isTestSupport(from) && !COMMON_GROUND.test(to) && roomOf(from) !== roomOf(to),
);
const againstTable = crossings
  .filter(({ from, to }) => !MAY_IMPORT[roomOf(from)]?.includes(roomOf(to)))
  .map(({ from, to }) => `${from} imports ${to}`);

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

  it('between rooms are those of the table', () => {
    expect(crossings.length).toBeGreaterThan(100);
    expect(againstTable.filter((breach) => !EXCEPTIONS.includes(breach))).toEqual([]);
  });

  it('that are excepted from the table by name exist', () => {
    expect(EXCEPTIONS.filter((exception) => !againstTable.includes(exception))).toEqual([]);
  });

  it('of every room with code are in the table', () => {
    const rooms = new Set(files.filter((file) => !isTestSupport(file)).map(roomOf));
    expect([...rooms].filter((room) => MAY_IMPORT[room] === undefined)).toEqual([]);
  });

  it('of the chip know no board that carries it, tests included', () => {
    const isChip = (file: string): boolean => roomOf(file) === 'src/device/wormhole';
    expect(files.filter(isChip).length).toBeGreaterThan(50);
    expect(breaches(({ from, to }) => isChip(from) && to.startsWith('src/device/') && !isChip(to))).toEqual([]);
  });

  it('form no cycle', () => {
    const next = new Map<string, string[]>();
    for (const { from, to, isRelative } of imports) if (isRelative) next.set(from, [...(next.get(from) ?? []), to]);
    expect(findCycle(next)).toBeUndefined();
  });
});

describe('roomOf', () => {
  it.each([
    ['src/errors.ts', 'src'],
    ['src/text/prompts.ts', 'src/text'],
    ['src/device/taps.ts', 'src/device'],
    ['src/device/n150/ops/eltwise.ts', 'src/device/n150'],
    ['reference/graph/session.ts', 'reference'],
    ['harness/index.ts', 'harness'],
    ['harness/bench/full-size/layers.ts', 'harness/bench'],
  ])('puts %s into %s', (file, room) => {
    expect(roomOf(file)).toBe(room);
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
