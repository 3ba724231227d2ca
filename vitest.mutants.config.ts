// The tests that mutants are judged by: those of the rooms that are mutated, without processes and whole models.
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    pool: 'forks',
    include: ['harness/{metrics,gate,record,report}/**/*.test.ts'],
    exclude: ['**/*.{system,gate}.test.ts', '**/node_modules/**'],
  },
});

export default config;
