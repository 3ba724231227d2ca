// Gates of the package's own checkpoints, by their names.
import { packageFile } from '../sources/package-root.ts';
import type { PlannedRun } from '../sources/plan-run.ts';
import * as shipped from '../vitest/run-gate.ts';
import type { GateRun } from '../vitest/to-pass-gate.ts';

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
