// What the documents state is held against the sources: links, options, variables, exit codes, scripts, code blocks.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/errors.ts';
import { createProgram } from '../cli/program.ts';
import { codeBlocks, DOCUMENTS, documentedCommands, proseLines, ROOT, tableRows, textOf } from './documents.fixture.ts';

const LINKING = [...DOCUMENTS, 'ARCHITECTURE.md', 'CHANGELOG.md', 'fixtures/README.md'];

describe('links', () => {
  it.each(LINKING)('of %s lead to files that exist', (document) => {
    const targets = [...textOf(document).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map((match) => match[1]!);
    expect(targets.filter((target) => !leadsSomewhere(document, target))).toEqual([]);
  });

  it('are found at all', () => {
    expect(textOf('README.md')).toMatch(/\]\(docs\/gate\.md\)/);
    expect(leadsSomewhere('README.md', 'docs/gate.md')).toBe(true);
    expect(leadsSomewhere('README.md', 'docs/no-such-file.md')).toBe(false);
    expect(leadsSomewhere('README.md', 'docs/gate.md#no-such-heading')).toBe(false);
  });
});

function leadsSomewhere(document: string, target: string): boolean {
  const [file = '', anchor] = target.split('#');
  const resolved = file === '' ? document : path.posix.join(path.posix.dirname(document), file);
  if (!existsSync(path.join(ROOT, resolved))) return false;
  return anchor === undefined || headingsOf(resolved).includes(anchor);
}

/** As GitHub makes anchors of headings. */
function headingsOf(document: string): string[] {
  const headings = [...textOf(document).matchAll(/^#+ (.+)$/gm)].map((match) => match[1]!.toLowerCase());
  return headings.map((heading) => heading.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
}

/** Options of other programs that the documents name, by the program. */
const FOREIGN_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  'npm install': ['--ignore-scripts', '--save-dev'],
  vitest: ['--project', '--reporter', '--merge-reports'],
  sbatch: ['--job-name', '--array', '--cpus-per-task', '--mem', '--time', '--parsable', '--dependency', '--export'],
  node: ['--expose-gc'],
  pytest: ['--timeout'],
  'npm run fuzz': ['--only'],
  'npm run bench': ['--python', '--gguf', '--node-llama-cpp'],
};

describe('options', () => {
  const program = createProgram();
  const commands = program.commands.flatMap((command) => [command, ...command.commands]);
  const known = new Set(commands.flatMap((command) => ['--help', ...command.options.map(({ long }) => long)]));
  const foreign = Object.values(FOREIGN_OPTIONS).flat();
  const named = (document: string): string[] => [
    ...new Set([...textOf(document).matchAll(/(?<![\w-])--[a-z][a-z\d_-]+/g)].map((match) => match[0])),
  ];

  it.each(DOCUMENTS)('that %s names are those of a command', (document) => {
    expect(named(document).filter((option) => !known.has(option) && !foreign.includes(option))).toEqual([]);
  });

  it('of other programs are named in a document, and none of them is ours', () => {
    const all = DOCUMENTS.flatMap(named);
    expect(foreign.filter((option) => !all.includes(option) || known.has(option))).toEqual([]);
  });

  it("of a command that a document shows are that command's own", () => {
    const shown = DOCUMENTS.flatMap((document) => documentedCommands(document)).flatMap(({ command }) => {
      const [, name = '', rest = ''] = /^(?:npx )?qwen-pcc ([a-z-]+)(.*)$/.exec(command) ?? [];
      return name === '' ? [] : [...rest.matchAll(/ (--[a-z\d_-]+)/g)].map((match) => ({ name, option: match[1]! }));
    });
    expect(shown.length).toBeGreaterThan(15);
    const isOwn = ({ name, option }: { name: string; option: string }): boolean => {
      const command = program.commands.find((one) => one.name() === name);
      const options = [command, ...(command?.commands ?? [])].flatMap((one) => one?.options ?? []);
      return option === '--help' || options.some(({ long }) => long === option);
    };
    expect(shown.filter((one) => !isOwn(one))).toEqual([]);
  });
});

/** Words in capitals of the specification that are no variables, and variables that others read. */
const NO_VARIABLES = /^(BFP4_B|BFP8_B|BFLOAT8_B|ROW_MAJOR|CACHE_DIR|OTHER_DIR|EXIT_CODES|RUN_[AB]|Q\d_[01K](_M)?)$/;
const READ_BY_OTHERS = /^(ONNXRUNTIME_NODE_INSTALL|GITHUB_STEP_SUMMARY|TT_METAL_\w+|SLURM_ARRAY_JOB_ID|ARRAY_JOB)$/;

describe('variables of the environment', () => {
  const sources = ['src', 'reference', 'harness', 'stryker.config.mjs'].flatMap(readSources).join('\n');

  it.each(DOCUMENTS)('that %s names are read by the sources', (document) => {
    const words = new Set([...textOf(document).matchAll(/\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b/g)].map((match) => match[0]));
    const named = [...words].filter((word) => !NO_VARIABLES.test(word) && !READ_BY_OTHERS.test(word));
    expect(named.filter((name) => !new RegExp(`['.]${name}\\b`).test(sources))).toEqual([]);
  });

  it('that the command reads by name are named by a document or a help text', () => {
    const read = [...sources.matchAll(/process\.env(?:\.|\[')([A-Z][A-Z_]+)/g)].map((match) => match[1]!);
    expect(read).toContain('QWEN_DIR');
    const said = [...LINKING.map(textOf), ...allHelp()].join('\n');
    expect([...new Set(read)].filter((name) => !NOT_FOR_USERS.test(name) && !said.includes(name))).toEqual([]);
  });
});

/** What `--help` prints of every command, with what stands below the options. */
function allHelp(): string[] {
  const printed: string[] = [];
  const stdout = { write: (text: string): number => printed.push(text) };
  for (const command of createProgram({ stdout, stderr: stdout }).commands) command.outputHelp();
  return printed;
}

/** The system's own, ONNX Runtime's, and those of benchmarks. */
const NOT_FOR_USERS = /^(TMPDIR|CI|PATH|ORT_\w+|QWEN_PCC_BENCH_\w+)$/;

function readSources(name: string): string[] {
  const full = path.join(ROOT, name);
  if (name.endsWith('.mjs')) return [readFileSync(full, 'utf8')];
  return readdirSync(full, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|mjs)$/.test(file) && !file.endsWith('.docs.test.ts'))
    .map((file) => readFileSync(path.join(full, file), 'utf8'));
}

describe('the exit codes of the README', () => {
  it('are those of src/errors.ts', () => {
    const codes = tableRows('README.md', 'exit code').map(([code]) => Number(code));
    expect(codes).toEqual(Object.values(EXIT_CODES));
  });
});

describe('npm scripts', () => {
  it.each(LINKING)('that %s names are in package.json', (document) => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Readonly<Record<string, string>> };
    const named = [...textOf(document).matchAll(/\bnpm run ([\w:-]+)/g)].map((match) => match[1]!);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

describe('files', () => {
  it('that a shown vitest command selects exist', () => {
    const commands = DOCUMENTS.flatMap((document) => documentedCommands(document)).map(({ command }) => command);
    const parts = commands
      .filter((command) => /\bvitest run\b/.test(command))
      .flatMap((command) => [...command.matchAll(/ ((?:src|reference|harness)\/\S+)/g)].map((match) => match[1]!));
    expect(parts.length).toBeGreaterThan(2);
    const isSelected = (part: string): boolean =>
      existsSync(path.join(ROOT, part)) ||
      readdirSync(path.join(ROOT, path.dirname(part))).some(
        (name) => name.startsWith(path.basename(part)) && name.endsWith('.test.ts'),
      );
    expect(parts.filter((part) => !isSelected(part))).toEqual([]);
  });

  it('that CONTRIBUTING and ARCHITECTURE name exist', () => {
    const named = ['CONTRIBUTING.md', 'ARCHITECTURE.md'].flatMap((document) =>
      proseLines(textOf(document)).flatMap(({ shown }) =>
        [...shown.matchAll(/`((?:src|reference|harness|fixtures|docs)\/[\w./-]+)`/g)].map((match) => match[1]!),
      ),
    );
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((name) => !existsSync(path.join(ROOT, name)))).toEqual([]);
  });
});

describe('gates', () => {
  let listed: string;
  beforeAll(() => {
    const vitest = path.join(ROOT, 'node_modules/vitest/vitest.mjs');
    const env = { ...process.env, NO_COLOR: '1' };
    const list = spawnSync(process.execPath, [vitest, 'list', '--project', 'gates'], {
      cwd: ROOT,
      env,
      encoding: 'utf8',
    });
    expect(list.status, list.stderr).toBe(0);
    listed = list.stdout;
  });

  it('that a shown command names are there', () => {
    const commands = DOCUMENTS.flatMap((document) => documentedCommands(document)).map(({ command }) => command);
    const named = commands.flatMap((command) => /vitest run --project gates -t '([^']+)'/.exec(command)?.[1] ?? []);
    expect(named.length).toBeGreaterThan(1);
    expect(named.filter((name) => !listed.includes(name))).toEqual([]);
  });

  it('have the name of every case of the original demo', () => {
    for (const family of ['general', 'instruct']) {
      for (const batches of [1, 2, 3]) expect(listed).toMatch(new RegExp(`\\b${family}_weights-${batches}_batch'?\n`));
    }
  });
});

describe('code', () => {
  const blocks = DOCUMENTS.flatMap((document) => codeBlocks(document));
  const hasPython = spawnSync('python3', ['--version']).status === 0;

  // Shown for readers with NumPy and PyTorch; what the blocks make is tested in recorded-forms.test.ts.
  const python = blocks.filter(({ language }) => language === 'python');
  it.skipIf(!hasPython).each(python)('$document, line $line, is Python (needs python3)', ({ code }) => {
    const parsed = spawnSync('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], { input: code });
    expect(parsed.stderr.toString()).toBe('');
    expect(parsed.status).toBe(0);
  });

  it.each(blocks.filter(({ language }) => language === 'json'))('$document, line $line, is JSON', ({ code }) => {
    expect(() => JSON.parse(code)).not.toThrow();
  });

  it('in TypeScript compiles against the types of the package', () => {
    const typescript = blocks.filter(({ language }) => language === 'ts');
    expect(typescript.length).toBeGreaterThan(0);
    const folder = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-docs-types-'));
    try {
      symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
      // Beside node_modules, not in it, since that is shared: the package is found by a path.
      const types = (name: string): string[] => [path.join(ROOT, 'dist/harness', name)];
      const compilerOptions = {
        ...{ strict: true, noEmit: true, target: 'ES2023', module: 'NodeNext', moduleDetection: 'force', types: [] },
        skipLibCheck: true,
        paths: { 'qwen-pcc': types('index.d.ts'), 'qwen-pcc/vitest': types('vitest/index.d.ts') },
      };
      writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
      writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
      // What a reader does with a value.
      writeFileSync(path.join(folder, 'reader.d.ts'), 'declare function show(...values: readonly unknown[]): void;');
      for (const [index, { code }] of typescript.entries()) writeFileSync(path.join(folder, `block-${index}.ts`), code);
      const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
      const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
      expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
