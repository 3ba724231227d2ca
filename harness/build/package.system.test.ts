// The package as others get it: packed, installed in a project of theirs on a closed network, run, compiled against, gated with.
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const project = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-package-'));
afterAll(() => rmSync(project, { recursive: true }));

/** Nothing listens there: what asks for anything but the npm registry is refused. */
const NOWHERE = 'http://127.0.0.1:9';

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[], cwd = project): Promise<Ran> {
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|ONNXRUNTIME_)/i.test(name))),
    GLOBAL_AGENT_HTTP_PROXY: NOWHERE,
    GLOBAL_AGENT_HTTPS_PROXY: NOWHERE,
    NO_COLOR: '1',
  };
  return new Promise((resolve) => {
    const child = execFile(command, args, { cwd, env, maxBuffer: 1 << 26 }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

function json(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
}

interface PackedFile {
  readonly path: string;
}
interface VitestResult {
  readonly testResults: readonly { readonly name: string }[];
  readonly numFailedTests: number;
}
/** A file of a project whose device is broken. */
const RED_GATE = `import { defineGate } from 'qwen-pcc/vitest';
defineGate('a broken device', () => ({
  weights: 'node_modules/qwen-pcc/fixtures/tiny-qwen2',
  device: 'n150:skipLayer=2',
  only: ['senate-and-house'],
  maxNewTokens: 4,
  out: 'reports',
}));
`;

let packed: readonly PackedFile[] = [];
let installed: Ran;

beforeAll(async () => {
  if (!existsSync(path.join(ROOT, 'dist'))) throw new Error('dist is missing: run `npm run build` before these tests');
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], ROOT);
  const [tarball] = JSON.parse(stdout) as { filename: string; files: PackedFile[] }[];
  packed = tarball!.files;
  copyFileSync(path.join(project, tarball!.filename), path.join(project, 'qwen-pcc.tgz'));
  cpSync(path.join(ROOT, 'fixtures/example-project'), project, { recursive: true });
  installed = await run('npm', ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']);
});

describe('the package', () => {
  it('holds no tests, no test support, no benchmarks and no maps to sources that are not in it', () => {
    const names = packed.map(({ path: name }) => name);
    expect(
      names.filter((name) => /\.(test|fixture|bench|map|tsbuildinfo)\b|\/(bench|calibration)\//.test(name)),
    ).toEqual([]);
    expect(
      names.filter(
        (name) =>
          name.startsWith('dist/') && !/\.(js|d\.ts|mjs|wasm)$|^dist\/harness\/viewer\/built\/lens\.html$/.test(name),
      ),
    ).toEqual([]);
    expect(names).toContain('dist/harness/cli/qwen-pcc.js');
  });

  it('holds every file that its documents link to', () => {
    const names = new Set(packed.map(({ path: name }) => name));
    const documents = [...names].filter((name) => name.endsWith('.md'));
    expect(documents).toContain('README.md');
    const missing = documents.flatMap((document) =>
      [...readFileSync(path.join(ROOT, document), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map((match) => path.posix.join(path.posix.dirname(document), match[1]!))
        .filter((target) => !names.has(target))
        .map((target) => `${document} links to ${target}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('npm', () => {
  it('is told in package.json and in the lock file that no dependency needs an install script', () => {
    const { packages } = json(path.join(ROOT, 'package-lock.json')) as { packages: Record<string, object> };
    // npm up to 10 goes by the lock file, later ones by package.json.
    expect(Object.entries(packages).filter(([, entry]) => 'hasInstallScript' in entry)).toEqual([]);
    expect(json(path.join(ROOT, 'package.json'))['allowScripts']).toEqual({ 'onnxruntime-node': false });
  });

  it('has nothing to say about the settings of this repository', async () => {
    const { code, stderr } = await run('npm', ['ls', '--omit=dev', '--depth=0'], ROOT);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('a project on a network that reaches the npm registry alone', () => {
  it('installs it as the README says', () => {
    expect(installed).toMatchObject({ code: 0 });
    expect(installed.stderr).not.toMatch(/install.scripts|deprecated|Unknown/i);
    expect(existsSync(path.join(project, 'node_modules/qwen-pcc/package.json'))).toBe(true);
  });

  it('runs qwen-pcc validate', async () => {
    const weights = 'node_modules/qwen-pcc/fixtures/tiny-qwen2';
    const { code, stdout, stderr } = await run('npx', [
      ...['qwen-pcc', 'validate', '--weights', weights],
      ...['--prompt', 'senate-and-house', '--max-new-tokens', '2'],
    ]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/\nPASS {2}/);
    expect(readdirSync(path.join(project, 'reports'))).toContain('last');
  });

  it('compiles against its types in strict mode with skipLibCheck off and without the types of Node', async () => {
    expect(await run('npx', ['tsc'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('gates its checkpoint in vitest with qwen-pcc/vitest', async () => {
    const { code, stdout, stderr } = await run('npx', ['vitest', 'run', '--reporter=json']);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout)).toMatchObject({ numPassedTests: 2, numTotalTests: 2 });
  });

  it('shares its gates out with vitest --shard and reports them as one with --merge-reports, a red one red', async () => {
    writeFileSync(path.join(project, 'red.gate.test.ts'), RED_GATE);
    const shards: { code: number | null; files: string[]; failed: number }[] = [];
    for (const shard of ['1/2', '2/2']) {
      const blob = ['--reporter=blob', '--reporter=json', '--outputFile.json=shard.json', `--shard=${shard}`];
      const { code } = await run('npx', ['vitest', 'run', ...blob]);
      const { testResults, numFailedTests } = json(path.join(project, 'shard.json')) as unknown as VitestResult;
      shards.push({ code, failed: numFailedTests, files: testResults.map(({ name }) => path.basename(name)) });
    }
    const files = ['accuracy.gate.test.ts', 'broken-device.gate.test.ts', 'red.gate.test.ts'];
    expect(shards.flatMap((one) => one.files).sort()).toEqual(files);
    expect(shards.map(({ code, failed }) => `${code} ${failed}`).sort()).toEqual(['0 0', '1 1']);
    const reports = ['--outputFile.json=merged.json', '--outputFile.junit=gates.xml'];
    const merge = ['--merge-reports', '--reporter=json', '--reporter=junit', ...reports];
    const { code } = await run('npx', ['vitest', 'run', ...merge]);
    const counts = { numPassedTests: 2, numFailedTests: 1, numTotalTests: 3 };
    expect({ code, ...json(path.join(project, 'merged.json')) }).toMatchObject({ code: 1, ...counts });
    const xml = readFileSync(path.join(project, 'gates.xml'), 'utf8');
    expect(xml).toMatch(/<property name="notice" value="pass: 158 of 158 tokens judged[^"]* \(reports\/[^"]*\)"/);
    expect(xml).toMatch(/<property name="error" value="fail: /);
  });

  it('uses the versions of vitest and TypeScript that are tested here', () => {
    const ours = json(path.join(ROOT, 'package.json'))['devDependencies'] as Record<string, string>;
    const theirs = json(path.join(project, 'package.json'))['devDependencies'] as Record<string, string>;
    expect(theirs).toMatchObject({ typescript: ours['typescript'], vitest: ours['vitest'] });
  });
});
