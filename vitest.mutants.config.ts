// The tests that mutants are judged by: those of the rooms themselves, without processes, whole models and generated inputs.
import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** As stryker.config.mjs has them. */
const rooms = (process.env['ROOMS'] ?? 'metrics,gate,record,report').split(',');

const config: ViteUserConfig = defineConfig({
  test: {
    pool: 'forks',
    // As in the project `unit`: a test that is slow on a busy machine is no killed mutant.
    testTimeout: 120_000,
    // As in the project `unit`, too: what a mutant changes is asked at each call, so modules need not be loaded anew.
    isolate: false,
    include: rooms.map((room) => `harness/${room}/**/*.test.ts`),
    // Generated inputs cost seconds for each mutant; the examples have to show what is wrong.
    exclude: ['**/*.{system,gate,property}.test.ts', '**/node_modules/**'],
  },
});

export default config;
