// vitest plugin: the tests get a temp folder of their own, and what they leave in it is an error.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Reporter, VitestPluginContext } from 'vitest/node';

/** Folders that vitest itself makes for code it has transformed. */
const OF_VITEST = /^[\w-]{21}$/;

interface LeavesNoFiles {
  readonly name: string;
  configureVitest(context: VitestPluginContext): void;
}

export function leavesNoFiles(): LeavesNoFiles {
  return {
    name: 'qwen-pcc:leaves-no-files',
    configureVitest({ vitest }) {
      const reporters = vitest.config.reporters as (Reporter | unknown)[];
      // Every project of the workspace calls this hook, each with its own copy of this module: the class is known by its name.
      if (reporters.some((reporter) => reporter?.constructor.name === LeftoverReporter.name)) return;
      const folder = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-tests-'));
      process.env['TMPDIR'] = folder;
      process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
      reporters.push(new LeftoverReporter(folder, () => vitest.config.testNamePattern !== undefined));
    },
  };
}

class LeftoverReporter implements Reporter {
  readonly #folder: string;
  readonly #isByName: () => boolean;

  constructor(folder: string, isByName: () => boolean) {
    this.#folder = folder;
    this.#isByName = isByName;
  }

  onTestRunEnd(): void {
    // A file without a selected test is loaded, and its afterAll never runs.
    if (this.#isByName()) return;
    const left = readdirSync(this.#folder).filter((name) => !OF_VITEST.test(name));
    if (left.length === 0) return;
    process.stderr.write(`\nTests left files in the temp folder: ${left.join(', ')}\n`);
    process.exitCode = 1;
  }
}
