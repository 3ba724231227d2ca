// Holds what a case has opened against the run's baseline, before hours are spent on rows that it cannot judge.
import { ComparisonInvalidError } from '../../src/errors.ts';
import { fitPlan, misfitsOfSources } from '../baseline/fit.ts';
import type { CaseEvent } from '../record/events.ts';
import type { RunSpec } from '../record/run-spec.ts';

/** @throws ComparisonInvalidError BASELINE_DIFFERS, naming what is another than the baseline's. */
export function requireBaselineSources(spec: RunSpec, event: CaseEvent): void {
  if (spec.baseline === undefined) return;
  const one = fitPlan(spec.baseline, spec).cases.find(({ held }) => held.name === event.case);
  const variant = one?.held.variants.find((each) => one.nameOf(each) === event.variant);
  if (one === undefined || variant === undefined) return;
  const misfits = misfitsOfSources(one, variant, event);
  if (misfits.length === 0) return;
  throw new ComparisonInvalidError(`the baseline is of another run: ${misfits.map(({ what }) => what).join(', ')}.`, {
    code: 'BASELINE_DIFFERS',
    facts: Object.fromEntries(
      misfits.flatMap(({ what, baseline, run }) => [
        [`${what}, baseline`, baseline],
        [`${what}, run`, run],
      ]),
    ),
    hint: `run on the files that the baseline was made with, or judge this run without --baseline and accept it: \`qwen-pcc baseline update RUN --reason TEXT\`.`,
  });
}
