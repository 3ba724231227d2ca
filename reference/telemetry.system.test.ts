// What ONNX Runtime leaves on the machine of who uses the library: nothing, and it asks no one.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const LIBRARY = fileURLToPath(new URL('../dist/harness/index.js', import.meta.url));
const CHECKPOINT = fileURLToPath(new URL('../fixtures/tiny-qwen2', import.meta.url));

/** Runs the reference from the built library, then says what the process has open beside its own three streams. */
const USER = `
  import { readdirSync, readlinkSync } from 'node:fs';
  import { createReference, openCheckpoint } from ${JSON.stringify(LIBRARY)};
  const references = [];
  let rows = 0;
  // Mapped weights are multiplied on threads that load the runtime as well.
  for (const weights of ['resident', 'mapped']) {
    const options = { precision: 'fp32', threads: 2, weights };
    const reference = await createReference(openCheckpoint(${JSON.stringify(CHECKPOINT)}), options);
    references.push(reference);
    await reference.feed(Int32Array.from([1, 2, 3]), { rows: 'all' }, () => { rows++; });
  }
  const open = readdirSync('/proc/self/fd').filter((fd) => fd > 2).flatMap((fd) => {
    try { return [readlinkSync('/proc/self/fd/' + fd)]; } catch { return []; }
  });
  for (const reference of references) await reference.close();
  console.log(JSON.stringify({ rows, open }));
`;

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-telemetry-'));
afterAll(() => rmSync(scratch, { recursive: true }));

beforeAll(() => {
  if (!existsSync(LIBRARY)) throw new Error('dist is missing: run `npm run build` before these tests');
});

interface Left {
  readonly rows: number;
  readonly open: readonly string[];
  /** Files in the home and the temp folder, which were empty before. */
  readonly files: readonly string[];
}

function useLibrary(name: string, environment: Readonly<Record<string, string>>): Left {
  const [home, temp] = ['home', 'temp'].map((part) => path.join(scratch, name, part)) as [string, string];
  for (const folder of [home, temp]) mkdirSync(folder, { recursive: true });
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', USER], {
    // A proxy that is none: not even the run that allows telemetry shall bother anybody.
    // Nothing else is inherited: where CI is set, ONNX Runtime sends nothing by itself, and there would be nothing to turn off.
    env: {
      PATH: process.env['PATH'] ?? '',
      https_proxy: 'http://127.0.0.1:9',
      HOME: home,
      TMPDIR: temp,
      ...environment,
    },
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  const files = readdirSync(path.join(scratch, name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
  return { ...(JSON.parse(stdout) as Omit<Left, 'files'>), files };
}

it('a run of the library leaves no file in the home and temp folders, and opens none there and no socket', () => {
  const { rows, open, files } = useLibrary('default', {});
  expect({ rows, files }).toEqual({ rows: 6, files: [] });
  expect(open.filter((target) => /^socket:|\.db|deviceid|mat-debug/.test(target))).toEqual([]);
  expect(open.some((target) => target.startsWith(scratch))).toBe(false);
});

it('who sets ORT_DISABLE_TELEMETRY=0 gets the telemetry: this is what the test above would see', () => {
  const { rows, files, open } = useLibrary('allowed', { ORT_DISABLE_TELEMETRY: '0' });
  expect(rows).toBe(6);
  expect(files).toContain('deviceid');
  expect(open.some((target) => /onnxruntime\.db$/.test(target))).toBe(true);
});

it('every import of ONNX Runtime goes by way of the file that turns telemetry off', () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const importing = ['src', 'reference', 'harness'].flatMap((layer) =>
    readdirSync(path.join(root, layer), { recursive: true, encoding: 'utf8' })
      .map((file) => path.join(layer, file))
      .filter((file) => file.endsWith('.ts'))
      .filter((file) =>
        /^(import|export) (?!type)[^;]*from 'onnxruntime-node'/m.test(readFileSync(path.join(root, file), 'utf8')),
      ),
  );
  expect(importing).toEqual(['reference/graph/onnx-runtime.ts']);
});
