// The matcher toPassGate: a run whose verdict is pass, or a failure text that says what to look at.
import { expect } from 'vitest';
import { gateFailureText } from '../report/gate-failure.ts';
import type { WrittenRun } from '../run/write-run.ts';

export interface GateMatchers {
  /** Passes when the run's verdict is `pass` and nothing ended it early. */
  toPassGate(): void;
}

declare module 'vitest' {
  // With vitest's own type parameter: without it, whether they merge depends on the order in which a project's files are compiled.
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it.
  interface Matchers<T = any> extends GateMatchers {}
}

/** A finished run and where its folder is, as a reader of the failure text can type it. */
export interface GateRun extends WrittenRun {
  readonly folder: string;
}

/** What vitest's `expect.extend` takes. */
export function toPassGate({ run, replay, failure, folder }: GateRun): { pass: boolean; message: () => string } {
  const pass = run.verdict.status === 'pass' && failure === undefined;
  return {
    pass,
    message: () =>
      pass
        ? `the gate passes, but was expected to be red: ${run.verdict.headline}`
        : gateFailureText(run, replay.highlights, folder),
  };
}

expect.extend({ toPassGate });
