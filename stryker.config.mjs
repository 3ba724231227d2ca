// Mutants of the rooms that decide, each killed by tests of these rooms alone: `npm run mutants`, or `ROOMS=metrics npm run mutants`.

/** Judged by vitest.mutants.config.ts, which reads the same variable. */
const rooms = (process.env.ROOMS ?? 'metrics,gate,record,report').split(',');

export default {
  mutate: [
    ...rooms.map((room) => `harness/${room}/**/*.ts`),
    '!harness/**/*.test.ts',
    '!harness/**/*.fixture.ts',
    '!harness/**/*.d.ts',
    // AssemblyScript: another compiler's.
    '!harness/**/assembly/**',
  ],
  testRunner: 'vitest',
  // Which tests reach a mutant is known from the first run; no need to look at imports as well.
  vitest: { configFile: 'vitest.mutants.config.ts', related: false },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  timeoutMS: 20_000,
  ignoreStatic: true,
  // vitest does not look at types.
  disableTypeChecks: false,
  // A file that is not there: Stryker would rewrite paths in tsconfig.json with an API that TypeScript 7 has no more, and nothing here reads it.
  tsconfigFile: 'tsconfig.none.json',
  // Not needed by any of these tests, and copied for each run otherwise.
  ignorePatterns: ['dist', 'reports', 'fixtures/vectors', 'fixtures/golden-*', 'src/**/*.wasm'],
  tempDirName: 'reports/mutants-sandbox',
  reporters: ['clear-text', 'json', 'html'],
  jsonReporter: { fileName: 'reports/mutants/mutants.json' },
  htmlReporter: { fileName: 'reports/mutants/mutants.html' },
  clearTextReporter: { allowColor: false, logTests: false, allowEmojis: false },
  thresholds: { high: 95, low: 85, break: 85 },
};
