// vitest projects, told apart by the names of files: unit tests beside their sources, laws and kernel twins, systems, documents, accuracy gates.
import { configDefaults, defineConfig, type TestProjectInlineConfiguration, type ViteUserConfig } from 'vitest/config';
import { leavesNoFiles } from './harness/build/leaves-no-files.ts';
import { selectsSomething } from './harness/build/selects-something.ts';

/** Gates and systems run whole models: minutes on a shared 2-core machine, never a measure of speed. */
const LONG_TIMEOUT_MS = 300_000;
const UNIT_TIMEOUT_MS = 120_000;

const NO_TESTS = [...configDefaults.exclude, '**/dist/**', 'fixtures/example-project/**'];

interface Kind {
  readonly timeoutMs: number;
  readonly exclude?: readonly string[];
  /** Of node, for the processes that run the tests. */
  readonly execArgv?: readonly string[];
}

function project(name: string, pattern: string, { timeoutMs, exclude = [], execArgv = [] }: Kind): Project {
  return {
    extends: true,
    test: {
      name,
      include: [`{src,reference,harness,fixtures}/**/${pattern}.test.ts`],
      exclude: [...NO_TESTS, ...exclude],
      // Files of a kind share their modules, whose loading and warming up cost as much as the tests: none may leave anything behind.
      isolate: false,
      setupFiles: ['harness/build/equal-bytes.ts'],
      execArgv: [...execArgv],
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
    },
  };
}
type Project = TestProjectInlineConfiguration;

const config: ViteUserConfig = defineConfig({
  plugins: [selectsSomething(), leavesNoFiles()],
  test: {
    pool: 'forks',
    maxWorkers: 2,
    retry: 0,
    // The counts that .ci/run closes with come from this file.
    reporters: process.env['CI'] ? ['default', ['json', { outputFile: 'reports/ci/vitest.json' }]] : ['default'],
    projects: [
      // Under half a minute in all, on two quiet cores: for every save.
      project('unit', '*', {
        timeoutMs: UNIT_TIMEOUT_MS,
        exclude: ['**/*.{property,twin,system,gate,docs,browser}.test.ts'],
        // Thousands of short tests leave little behind: with more room for what is young, a tenth less of the time goes to collecting it.
        execArgv: ['--max-semi-space-size=32'],
      }),
      // Laws over generated inputs, and kernels against the plain code that defines them.
      project('twins', '*.{property,twin}', { timeoutMs: UNIT_TIMEOUT_MS }),
      // The command as a process, the package as others install it, long sequences, whole models against golden rows.
      project('system', '*.system', { timeoutMs: LONG_TIMEOUT_MS }),
      // README and docs/ followed from top to bottom, and what they say held against the sources.
      project('docs', '*.docs', { timeoutMs: LONG_TIMEOUT_MS }),
      // The token lens in a real Chromium, which a machine may not have: without it they fail. `npm test` leaves them out.
      project('browser', '*.browser', { timeoutMs: LONG_TIMEOUT_MS }),
      project('gates', '*.gate', { timeoutMs: LONG_TIMEOUT_MS }),
    ],
  },
});

export default config;
