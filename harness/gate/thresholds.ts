// Every threshold of the default gate, one row each: value, origin, what was measured, why.
import type { Calibration, GateRule } from '../record/rules.ts';
import { withEvidence } from './default-evidence.ts';

/** The original test's per-token limit (models/demos/qwen/tests/test_qwen_model.py). */
export const DEFAULT_PCC_MINIMUM = 0.79;

/** Worst token, prompt or variant of each: tiny general, tiny instruct, SmolLM2-135M. */
function measuredOn(...measured: readonly number[]): Calibration {
  return {
    runs: 'N150 model, tier fast, recipe demo-2024: tiny-qwen2 2943 tokens, tiny-qwen2-instruct 1934, SmolLM2-135M 101',
    measured,
    date: '2026-11-24',
  };
}

/**
 * Tokens that an aggregate rule needs before it says anything: so many that an honest device breaks it in fewer than one
 * run of a hundred even if the run is nothing but the hardest text of the calibration (two Chinese prompts, where
 * the device turns away from the reference's token at 11.8 % of positions and from 6.1 % for real), and in fewer than three
 * of a million on the mix (`kl-mean-short`, by a bound that is no tighter: 20). `sample-minimum.test.ts` computes the rates. Windows are of n consecutive tokens of a
 * prompt in the runs of `measuredOn`, all 4,877 tokens of both tiny checkpoints.
 */
export const SAMPLE_MINIMUM = {
  /** Half of 12 tokens below 0.99 where 6.5 % are: 5e-5. Worst window of 12: 0.9933. */
  median: 12,
  /** Two of 3 tokens below 0.975 where 0.35 % are: 4e-5; two of 4: 7e-5. Worst window of 3: 0.9852; of 1: 0.9544, below the limit. */
  medianOfShortRun: 3,
  /** A mean of long-tailed values: single tokens reach 0.298. Worst window of 60: 0.0427; of 40: 0.0509, over the limit. */
  klMean: 60,
  /** A mean of 0.125 over 5 tokens: below 5e-4. Worst window of 5: 0.0797; of 3: 0.1222. */
  klMeanOfShortRun: 5,
  /** Below 100 tokens about the largest value, so that fewer tokens break it less often: 0.298 is the largest of all, 0.181 the next. */
  klP99: 1,
  /** 25 % wrong where 11.8 % are: 5e-4. Worst window of 80: 0.787 (top1), 0.15 (real flips). */
  share: 80,
  /** 15 % wrong where 11.8 % are: 8e-3; with fewer the share of a hard text cannot be told from the limit. */
  top1OfLongRun: 650,
  /** 10 % real flips where 6.1 % are: 4e-4. Worst window of 500: 0.07; of 400: 0.085; of 280: 0.1, the limit itself. */
  realFlipsOfLongRun: 500,
  /** Half of 30 tokens off by 0.03 where 18.6 % are: 1e-4. Worst window of 30: 0.0234; of 8: 0.0357, over the limit. */
  gain: 30,
  /** Half of 8 tokens off by 0.075 where 1.4 % are: 3e-6. Worst window of 8: 0.0357; of 9, the worst of all lengths from there: 0.0472. */
  gainOfShortRun: 8,
} as const;

export interface GateOptions {
  /** `--threshold`: per-token PCC minimum. */
  readonly pccMinimum: number;
}

/**
 * Hard rules first, then token rules, then aggregates: the first broken one names a token's status.
 *
 * Several limits of one metric (`-short`, `-long`): the fewer the tokens, the wider the limit, but what no honest tokens show
 * fails at any length.
 */
export function defaultRules({ pccMinimum }: GateOptions): readonly GateRule[] {
  const rules: readonly GateRule[] = [
    {
      id: 'same-context',
      scope: 'token',
      phase: 'all',
      metric: 'contextMismatch',
      op: '<=',
      threshold: 0,
      ideal: 0,
      origin: 'hard',
      onBreak: 'invalid',
      reason: 'rows of different tokens, positions or contexts have no meaningful PCC',
    },
    {
      id: 'finite',
      scope: 'token',
      phase: 'all',
      metric: 'nonFinite',
      op: '<=',
      threshold: 0,
      ideal: 0,
      origin: 'hard',
      onBreak: 'invalid',
      reason: 'NaN, +Infinity and one-sided -Infinity are never absorbed: at 0.79, 37 % NaN would pass as zeros',
    },
    {
      id: 'coverage',
      scope: 'run',
      phase: 'all',
      metric: 'coverage',
      op: '>=',
      threshold: 1,
      ideal: 1,
      origin: 'hard',
      onBreak: 'invalid',
      reason: 'every planned token is judged exactly once, and there is at least one',
      sampleMinimum: 1,
    },
    {
      id: 'not-constant',
      scope: 'token',
      phase: 'all',
      metric: 'constant',
      op: '<=',
      threshold: 0,
      ideal: 0,
      origin: 'hard',
      onBreak: 'fail',
      reason: 'a constant row or 1024-block means that a core wrote nothing of its own',
    },
    {
      id: 'pcc-minimum',
      scope: 'token',
      phase: 'all',
      metric: 'pcc',
      op: '>=',
      threshold: pccMinimum,
      ideal: 1,
      origin: pccMinimum === DEFAULT_PCC_MINIMUM ? 'compat' : 'manual',
      onBreak: 'fail',
      reason:
        pccMinimum === DEFAULT_PCC_MINIMUM
          ? "the original test's limit; alone it lets noise of 0.78 of the signal's sd pass"
          : 'given by the user',
    },
    {
      id: 'golden-rank',
      scope: 'token',
      phase: 'all',
      metric: 'goldenRankOnActual',
      op: '<=',
      threshold: 20,
      ideal: 1,
      origin: 'calibrated',
      calibration: measuredOn(9, 6, 5),
      onBreak: 'fail',
      reason: "honest runs rank the reference's choice 9 at worst; twice that leaves room for larger models",
    },
    {
      id: 'pcc-median',
      scope: 'run',
      phase: 'all',
      metric: 'pccMedian',
      op: '>=',
      threshold: 0.99,
      ideal: 1,
      origin: 'calibrated',
      calibration: measuredOn(0.99977, 0.9995, 0.99795),
      onBreak: 'fail',
      sampleMinimum: SAMPLE_MINIMUM.median,
      reason: 'half of the tokens far above the floor; one layer skipped of six falls below',
    },
    {
      id: 'pcc-median-short',
      scope: 'run',
      phase: 'all',
      metric: 'pccMedian',
      op: '>=',
      threshold: 0.975,
      ideal: 1,
      origin: 'calibrated',
      calibration: measuredOn(0.99977, 0.9995, 0.99795),
      onBreak: 'fail',
      sampleMinimum: SAMPLE_MINIMUM.medianOfShortRun,
      reason: 'what no honest stretch of three tokens falls below: 0.9852 is the worst; rows of noise at the floor do',
    },
    {
      id: 'kl-mean',
      scope: 'run',
      phase: 'all',
      metric: 'klMean',
      op: '<=',
      threshold: 0.05,
      ideal: 0,
      origin: 'calibrated',
      calibration: measuredOn(0.00608, 0.01074, 0.01557),
      onBreak: 'fail',
      sampleMinimum: SAMPLE_MINIMUM.klMean,
      reason: 'what sampling would notice; three times the worst honest value, a dropped key bias is above',
    },
    {
      id: 'kl-mean-short',
      scope: 'run',
      phase: 'all',
      metric: 'klMean',
      op: '<=',
      threshold: 0.125,
      ideal: 0,
      origin: 'calibrated',
      calibration: measuredOn(0.00608, 0.01074, 0.01557),
      onBreak: 'fail',
      sampleMinimum: SAMPLE_MINIMUM.klMeanOfShortRun,
      reason:
        'what no honest stretch of five tokens exceeds: 0.0797 is the worst; one layer skipped of six comes to 0.17 and more',
    },
    {
      id: 'kl-p99',
      scope: 'run',
      phase: 'all',
      metric: 'klP99',
      op: '<=',
      threshold: 0.5,
      ideal: 0,
      origin: 'calibrated',
      calibration: measuredOn(0.0588, 0.0895, 0.0717),
      onBreak: 'fail',
      sampleMinimum: SAMPLE_MINIMUM.klP99,
      reason:
        'a few badly hit tokens that a mean would hide; five times the honest value, and above the worst token of all, 0.298',
    },
    {
      id: 'top1',
      scope: 'run',
      phase: 'all',
      metric: 'top1',
      op: '>=',
      threshold: 0.75,
      ideal: 1,
      origin: 'calibrated',
      calibration: measuredOn(0.9314, 0.9385, 0.9505),
      onBreak: 'fail',
      sampleMinimum: SAMPLE_MINIMUM.share,
      reason: 'what no honest stretch of text of this length falls below: 0.787 is the worst of 80 tokens',
    },
    {
      id: 'top1-long',
      scope: 'run',
      phase: 'all',
      metric: 'top1',
      op: '>=',
      threshold: 0.85,
      ideal: 1,
      origin: 'calibrated',
      calibration: measuredOn(0.9314, 0.9385, 0.9505),
      onBreak: 'fail',
      sampleMinimum: SAMPLE_MINIMUM.top1OfLongRun,
      reason:
        'greedy text stays the same; ties of coarse logits cost seven percent in honest runs, twice that is allowed',
    },
    {
      id: 'real-flips',
      scope: 'run',
      phase: 'all',
      metric: 'realFlipShare',
      op: '<=',
      threshold: 0.2,
      ideal: 0,
      origin: 'calibrated',
      calibration: measuredOn(0.0139, 0.0248, 0),
      onBreak: 'fail',
      sampleMinimum: SAMPLE_MINIMUM.share,
      reason: 'what no honest stretch of text of this length exceeds: 0.15 is the worst of 80 tokens',
    },
    {
      id: 'real-flips-long',
      scope: 'run',
      phase: 'all',
      metric: 'realFlipShare',
      op: '<=',
      threshold: 0.1,
      ideal: 0,
      origin: 'calibrated',
      calibration: measuredOn(0.0139, 0.0248, 0),
      onBreak: 'fail',
      sampleMinimum: SAMPLE_MINIMUM.realFlipsOfLongRun,
      reason: 'flips that the coarseness of the logits format does not explain; four times the honest share',
    },
    {
      id: 'gain',
      scope: 'prompt',
      phase: 'all',
      metric: 'gainDeviation',
      op: '<=',
      threshold: 0.03,
      ideal: 0,
      origin: 'calibrated',
      calibration: measuredOn(0.0109, 0.013, 0.0003),
      onBreak: 'fail',
      sampleMinimum: SAMPLE_MINIMUM.gain,
      reason:
        "a wrong scale changes the temperature, and PCC cannot see it; HiFi2's cut of activations alone takes 0.7 to 1.3 percent",
    },
    {
      id: 'gain-short',
      scope: 'prompt',
      phase: 'all',
      metric: 'gainDeviation',
      op: '<=',
      threshold: 0.075,
      ideal: 0,
      origin: 'calibrated',
      calibration: measuredOn(0.0109, 0.013, 0.0003),
      onBreak: 'fail',
      sampleMinimum: SAMPLE_MINIMUM.gainOfShortRun,
      reason:
        'what no honest stretch of eight tokens or more exceeds: 0.0472 is the worst; logits of nine tenths hardly move KL',
    },
  ];
  // What passes a rule was tried at its own limit.
  return rules.map((rule) => (rule.metric === 'pcc' && pccMinimum !== DEFAULT_PCC_MINIMUM ? rule : withEvidence(rule)));
}
