// The baseline's file: read, distrusted, for a run's plan or for its next state.
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { InputError, UsageError } from '../../src/errors.ts';
import { printable } from '../../src/text/printable.ts';
import { inconsistencyOf } from '../baseline/consistent.ts';
import { fitPlan } from '../baseline/fit.ts';
import { type Baseline, heldAgainst, parseBaseline } from '../record/baseline.ts';
import type { RunSpec } from '../record/run-spec.ts';
import { quoteWord } from '../run/shown-command.ts';

export const BASELINE_FILE = 'baseline.json';

/** The file that is meant: as given, or beside the run folders. */
export function baselineFile(given: string | true | undefined, out: string): string {
  return typeof given === 'string' ? given : path.join(out, BASELINE_FILE);
}

/** Of a million tokens are 3 MiB. */
const BYTES_MAX = 1 << 28;

/** @throws InputError BASELINE_FILE for what is there and is none, or whose parts are of several states. */
export function readBaselineFile(file: string): Baseline {
  const refuse = (found: string): InputError =>
    new InputError(`${file}: is no baseline.`, {
      code: 'BASELINE_FILE',
      facts: { found, wanted: 'what `qwen-pcc baseline update` writes' },
      hint: 'take the file back from git, or remove it and write it anew from a run that passes.',
    });
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats?.isFile() !== true) throw refuse(stats === undefined ? 'nothing' : 'no plain file');
  if (stats.size > BYTES_MAX) throw refuse(`${stats.size} bytes`);
  let baseline: Baseline;
  try {
    baseline = parseBaseline(readFileSync(file, 'utf8'));
  } catch (error) {
    throw refuse(error instanceof z.ZodError ? printable(z.prettifyError(error).split('\n')[0]!) : `${error}`);
  }
  const found = inconsistencyOf(baseline);
  if (found !== undefined) throw refuse(printable(found));
  return baseline;
}

/** Undefined where there is no file yet. */
export function readBaselineIfThere(file: string): Baseline | undefined {
  return existsSync(file) ? readBaselineFile(file) : undefined;
}

/**
 * The plan with its baseline in it.
 *
 * @throws UsageError BASELINE_MISSING; InputError BASELINE_FILE, BASELINE_DIFFERS if it is of another plan.
 */
export function withBaseline(spec: RunSpec, file: string): RunSpec {
  if (!existsSync(file)) {
    throw new UsageError(`${file}: there is no baseline.`, {
      code: 'BASELINE_MISSING',
      hint: `run once without --baseline, then accept that run: \`qwen-pcc baseline update RUN --baseline ${quoteWord(file)}\`.`,
    });
  }
  const baseline = readBaselineFile(file);
  const { misfit } = fitPlan(baseline, spec);
  if (misfit !== undefined) {
    throw new InputError(`${file} is the baseline of another plan: the runs differ in ${misfit.what}.`, {
      code: 'BASELINE_DIFFERS',
      facts: { baseline: misfit.baseline, 'this run': misfit.run, 'made by': baseline.state.command },
      hint: `give the options of that run, or run without --baseline and accept the new plan: \`qwen-pcc baseline update RUN --reason TEXT --baseline ${quoteWord(file)}\`.`,
    });
  }
  const { cases, ...rest } = spec;
  return { ...rest, baseline: heldAgainst(baseline), cases };
}
