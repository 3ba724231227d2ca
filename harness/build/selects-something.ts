// vitest plugin: a name (`-t`) that selects no test is an error, where vitest itself passes with everything skipped.
import type { Reporter, TestModule, VitestPluginContext } from 'vitest/node';

interface SelectsSomething {
  readonly name: string;
  configureVitest(context: VitestPluginContext): void;
}

export function selectsSomething(): SelectsSomething {
  return {
    name: 'qwen-pcc:selects-something',
    configureVitest({ vitest }) {
      const reporters = vitest.config.reporters as (Reporter | unknown)[];
      // Every project of the workspace calls this hook.
      if (reporters.some((reporter) => reporter instanceof SelectionReporter)) return;
      reporters.push(new SelectionReporter(() => vitest.config.testNamePattern));
    },
  };
}

class SelectionReporter implements Reporter {
  readonly #pattern: () => RegExp | undefined;

  constructor(pattern: () => RegExp | undefined) {
    this.#pattern = pattern;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const pattern = this.#pattern();
    if (pattern === undefined || modules.some(hasRun)) return;
    process.stderr.write(`\nNo test has a name that fits ${pattern}: nothing was tested.\n`);
    process.exitCode = 1;
  }
}

/** A module that did not even load counts as run: it fails by itself. */
function hasRun(module: TestModule): boolean {
  if (module.state() === 'failed') return true;
  for (const test of module.children.allTests()) if (test.result().state !== 'skipped') return true;
  return false;
}
