// Gates of the package's own checkpoints, by their names.
import { expect } from 'vitest';
import { packageFile } from '../sources/package-root.ts';
import type { PlannedRun } from '../sources/plan-run.ts';
import * as shipped from '../vitest/run-gate.ts';
import type { GateRun } from '../vitest/to-pass-gate.ts';
import '../vitest/to-pass-gate.ts';

export interface GateCase extends Omit<shipped.GateCase, 'weights'> {
  /** `tiny-qwen2` or `tiny-qwen2-instruct`. */
  readonly checkpoint: string;
}

export function fixturePath(name: string): string {
  return packageFile(`fixtures/${name}`);
}

/** The plan of one case, as `qwen-pcc validate` would make it. */
export function gatePlan({ checkpoint, ...gate }: GateCase): Promise<PlannedRun> {
  return shipped.gatePlan({ ...gate, weights: fixturePath(checkpoint) });
}

/** Runs it; run folders go to the package's reports/gates unless the case says otherwise. */
export function runGate({ checkpoint, ...gate }: GateCase): Promise<GateRun> {
  return shipped.runGate({ out: packageFile('reports/gates'), ...gate, weights: fixturePath(checkpoint) });
}

/** A packaged checkpoint passes on all of its prompts, under the name of its case. */
export async function expectGate(name: string, checkpoint: string): Promise<void> {
  const gate = await runGate({ checkpoint });
  expect(gate.run.cases.map((one) => one.name)).toEqual([name]);
  expect(gate.run.coverage.promptsJudged).toBeGreaterThanOrEqual(8);
  expect(gate).toPassGate();
}
