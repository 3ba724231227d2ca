// Rounds what a comparison hands out, once: judged live, and judged again from a log, it is the same number.
//
// A record is stored as JSON and judged again from it, so what is judged must be what is stored. Nine significant digits
// hold every derived number's meaning (its inputs are float32, which nine digits tell apart) in half the bytes that a
// float64 takes in text. PCC and KL, which thresholds are held against, keep all digits: JSON brings a float64 back
// exactly. Logits stay the float32 values that they are, and ranks, ids and counts are integers. JSON has no -0: a logit's
// becomes 0 (those of the best tokens where they are listed), and no derived number is one, since sums begin with 0 and
// the nine digits of -0 have no sign.

import type {
  Pair,
  RowChoice,
  RowControls,
  RowDistribution,
  RowHygiene,
  RowMetrics,
  RowMoments,
} from '../record/row-metrics.ts';
import { roundToDigits } from '../record/significant-digits.ts';

const SIGNIFICANT_DIGITS = 9;

/** Nine significant digits; NaN and infinities stay. */
export function roundDerived(value: number): number {
  return roundToDigits(value, SIGNIFICANT_DIGITS);
}

/** The metrics as they are judged and stored. */
export function roundMetrics(metrics: RowMetrics): RowMetrics {
  const { hygiene, correlation, pccJudgement, moments, distribution, choice, controls } = metrics;
  return {
    hygiene: hygiene.constantBlocks.length === 0 ? hygiene : roundHygiene(hygiene),
    correlation,
    pccJudgement,
    moments: moments === null ? null : roundMoments(moments),
    distribution: distribution === null ? null : roundDistribution(distribution),
    choice: choice === null ? null : roundChoice(choice),
    controls: roundControls(controls),
  };
}

function roundHygiene(hygiene: RowHygiene): RowHygiene {
  const constantBlocks = hygiene.constantBlocks.map((block) => ({ ...block, value: block.value + 0 }));
  return { ...hygiene, constantBlocks };
}

function roundMoments(moments: RowMoments): RowMoments {
  return {
    cosine: roundOptional(moments.cosine),
    gain: roundOptional(moments.gain),
    offset: roundOptional(moments.offset),
    residualSd: roundOptional(moments.residualSd),
    sd: roundPair(moments.sd),
    min: asLogits(moments.min),
    max: asLogits(moments.max),
    maxAbs: roundDerived(moments.maxAbs),
    maxAbsIndex: moments.maxAbsIndex,
    meanAbs: roundDerived(moments.meanAbs),
    relL2: roundOptional(moments.relL2),
    nmseDb: roundOptional(moments.nmseDb),
  };
}

function roundDistribution({ klNats, klReverseNats, logNormaliser, textToken }: RowDistribution): RowDistribution {
  return {
    klNats,
    klReverseNats: roundDerived(klReverseNats),
    logNormaliser: roundPair(logNormaliser),
    textToken:
      textToken === null
        ? null
        : {
            id: textToken.id,
            probability: roundPair(textToken.probability),
            logRatio: roundDerived(textToken.logRatio),
          },
  };
}

function roundChoice(choice: RowChoice): RowChoice {
  return {
    top1: choice.top1,
    flip: choice.flip,
    ulp: roundDerived(choice.ulp),
    marginUlps: roundDerived(choice.marginUlps),
    margin: roundPair(choice.margin),
    goldenRankOnActual: choice.goldenRankOnActual,
    actualRankOnGolden: choice.actualRankOnGolden,
    overlap5: choice.overlap5,
    overlap10: choice.overlap10,
    top: choice.top,
  };
}

function roundControls(controls: RowControls): RowControls {
  return {
    pccPreviousGolden: roundOptional(controls.pccPreviousGolden),
    pccPreviousActual: roundOptional(controls.pccPreviousActual),
    pccUnrelatedGolden: roundOptional(controls.pccUnrelatedGolden),
  };
}

function roundOptional(value: number | null): number | null {
  return value === null ? null : roundDerived(value);
}

function roundPair({ golden, actual }: Pair<number>): Pair<number> {
  return { golden: roundDerived(golden), actual: roundDerived(actual) };
}

function asLogits({ golden, actual }: Pair<number>): Pair<number> {
  return { golden: golden + 0, actual: actual + 0 };
}
