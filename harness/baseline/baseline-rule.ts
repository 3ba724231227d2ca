// The rule that a baseline brings: no variant is worse than it was; its result is a row of the gate's table like any.
import { LEAST_TOKENS } from '../paired/verdict.ts';
import type { BaselineReading, BaselineVariantReading } from '../record/baseline-reading.ts';
import { BASELINE_METRIC, BASELINE_RULE_ID, type BaselineRule } from '../record/rules.ts';
import type { RuleResult } from '../record/verdict.ts';

/** What a reading adds to a verdict. */
export interface BaselineVerdict {
  readonly result: RuleResult;
  /** Clauses of the headline. */
  readonly notices: readonly string[];
}

/** Worse breaks it, what does not fit makes the comparison invalid, what is undecided counts as too few tokens. */
export function baselineVerdict(reading: BaselineReading): BaselineVerdict {
  const of = (word: BaselineVariantReading['word']): BaselineVariantReading[] =>
    reading.variants.filter((one) => one.word === word);
  const [worse, undecided] = [of('worse'), of('undecided')];
  const judged = reading.variants.length - undecided.length;
  const worst = [...worse].sort((a, b) => b.klMean.run - b.klMean.baseline - (a.klMean.run - a.klMean.baseline))[0];
  const largest = undecided.reduce<number | null>((most, { tokens }) => Math.max(most ?? 0, tokens), null);
  const result: RuleResult = {
    ...ruleOf(reading, undecided),
    observed: judged === 0 ? null : worse.length,
    headroom: judged === 0 ? null : worse.length > 0 ? -1 : 0,
    status: statusOf(reading, judged, worse.length),
    judged,
    failures: worse.length,
    tooFew: undecided.length,
    largestTooFew: largest,
    worstAt:
      worst === undefined
        ? null
        : { case: worst.case, variant: worst.variant, prompt: null, user: null, position: null },
  };
  return { result, notices: noticesOf(reading) };
}

function ruleOf({ runId, runAt, reason }: BaselineReading, undecided: readonly BaselineVariantReading[]): BaselineRule {
  return {
    id: BASELINE_RULE_ID,
    scope: 'run',
    phase: 'all',
    metric: BASELINE_METRIC,
    op: '<=',
    threshold: 0,
    ideal: 0,
    origin: 'manual',
    onBreak: 'fail',
    sampleMinimum: Math.max(LEAST_TOKENS.equivalence, ...undecided.map(({ tokensNeeded }) => tokensNeeded ?? 0)),
    reason: `the last accepted state, run ${runId} of ${runAt.slice(0, 10)}: ${reason}`,
  };
}

function statusOf({ status }: BaselineReading, judged: number, worse: number): RuleResult['status'] {
  if (status !== 'judged') return status;
  if (worse > 0) return 'fail';
  return judged > 0 ? 'pass' : 'tooFewTokens';
}

function noticesOf({ status, misfits, variants, runId }: BaselineReading): string[] {
  const more = misfits.length > 1 ? ` and ${misfits.length - 1} more` : '';
  const [misfit] = misfits;
  if (status === 'invalid' && misfit !== undefined) {
    return [`the baseline is of another run: ${misfit.what} (baseline ${misfit.baseline}; run ${misfit.run})${more}`];
  }
  return variants
    .filter(({ word }) => word !== 'same' && word !== 'equivalent')
    .map((one) =>
      `${nameOf(one, variants)}${one.text} than the baseline ${runId}`.replace(
        /^(\S*: )?undecided(.*) than/,
        '$1undecided$2 against',
      ),
    );
}

function nameOf({ case: name, variant }: BaselineVariantReading, all: readonly BaselineVariantReading[]): string {
  if (all.length === 1) return '';
  return variant === name ? `${name}: ` : `${name}, ${variant}: `;
}
