// A gate as one test of somebody else's suite: run, judged, its headline and folder handed to vitest's reporters.
import { expect, test } from 'vitest';
import { type GateCase, runGate } from './run-gate.ts';
import './to-pass-gate.ts';

export interface GateTestOptions {
  /** After which vitest gives the test up; never without it, since a gate takes minutes to hours and vitest's own limit is 5 s. */
  readonly timeoutMs?: number;
}

/**
 * Defines a test that passes when the gate of a case does. What vitest's reporters show besides: the verdict as an annotation, in JUnit a
 * property.
 *
 * @param gate - the case, or what makes it when the test begins.
 */
export function defineGate(
  name: string,
  gate: GateCase | (() => GateCase | Promise<GateCase>),
  { timeoutMs = 0 }: GateTestOptions = {},
): void {
  test(name, { timeout: timeoutMs }, async ({ annotate }) => {
    const run = await runGate(typeof gate === 'function' ? await gate() : gate);
    const { status, headline } = run.run.verdict;
    await annotate(`${status}: ${headline} (${run.folder})`, status === 'pass' ? 'notice' : 'error');
    expect(run).toPassGate();
  });
}
