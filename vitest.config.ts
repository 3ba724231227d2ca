// vitest projects: unit tests beside their files, property laws and kernel twins, and the accuracy gates.
import { configDefaults, defineConfig } from 'vitest/config';

/** Gates run whole models: minutes on a shared 2-core machine, never a measure of speed. */
const GATE_TIMEOUT_MS = 300_000;
const UNIT_TIMEOUT_MS = 120_000;

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    retry: 0,
    // The counts that .ci/run closes with come from this file.
    reporters: process.env['CI'] ? ['default', ['json', { outputFile: 'reports/ci/vitest.json' }]] : ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{src,reference,harness,fixtures}/**/*.test.ts'],
          exclude: [
            ...configDefaults.exclude,
            '**/dist/**',
            '**/*.property.test.ts',
            '**/*.twin.test.ts',
            '**/*.gate.test.ts',
          ],
          testTimeout: UNIT_TIMEOUT_MS,
          hookTimeout: UNIT_TIMEOUT_MS,
        },
      },
      {
        extends: true,
        test: {
          name: 'property',
          include: ['{src,reference,harness}/**/*.{property,twin}.test.ts'],
          exclude: [...configDefaults.exclude, '**/dist/**'],
          testTimeout: UNIT_TIMEOUT_MS,
          hookTimeout: UNIT_TIMEOUT_MS,
        },
      },
      {
        extends: true,
        test: {
          name: 'gates',
          include: ['harness/calibration/**/*.gate.test.ts'],
          exclude: [...configDefaults.exclude, '**/dist/**'],
          fileParallelism: false,
          testTimeout: GATE_TIMEOUT_MS,
          hookTimeout: GATE_TIMEOUT_MS,
        },
      },
    ],
  },
});
