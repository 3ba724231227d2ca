// The exit code that a verdict asks for.
import { EXIT_CODES } from '../../src/errors.ts';
import type { VerdictStatus } from '../record/verdict.ts';

/** 0 pass, 1 accuracy fail, 4 comparison invalid. */
export const EXIT_CODE_OF_VERDICT: Readonly<Record<VerdictStatus, number>> = {
  pass: EXIT_CODES.pass,
  fail: EXIT_CODES.accuracyFail,
  invalid: EXIT_CODES.comparisonInvalid,
};
