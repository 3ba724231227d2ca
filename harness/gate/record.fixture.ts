// Token records without rows: passing ones, with the numbers that a test gives.
import type { FlipClass } from '../record/row-metrics.ts';
import type { Phase, TokenRecord } from '../record/token-record.ts';

export interface RecordNumbers {
  readonly pcc: number | null;
  readonly klNats: number;
  readonly rank: number;
  readonly flip: FlipClass;
  readonly gain: number;
  readonly logRatio: number;
  readonly phase: Phase;
}

/** A record as the gate reads it; a PCC of null is that of a constant row in the strict sense. */
export function recordExample(
  place: Partial<Pick<TokenRecord, 'case' | 'variant' | 'prompt' | 'user' | 'position'>> = {},
  numbers: Partial<RecordNumbers> = {},
): TokenRecord {
  const { pcc = 0.999, klNats = 0.001, rank = 1, flip = 'none', gain = 1, logRatio = 0 } = numbers;
  const { position = 0 } = place;
  const pair = (value: number) => ({ golden: value, actual: value });
  return {
    case: 'c',
    variant: 'v',
    prompt: 'p',
    user: 0,
    position,
    ...place,
    phase: numbers.phase ?? 'prefill',
    step: null,
    text: 'x',
    inputToken: pair(7),
    inputPosition: pair(position),
    contextHash: { golden: 'a', actual: 'a' },
    status: 'pass',
    failedRules: [],
    reason: null,
    pcc,
    pccUndefined: pcc === null ? 'actual is constant' : null,
    pccJudgement: { semantics: 'strict', outcome: pcc === null ? 'undefined' : 'pass', pcc },
    hygiene: {
      vocabSize: 100,
      nan: pair(0),
      positiveInfinity: pair(0),
      negativeInfinity: pair(0),
      maskedPairs: 0,
      zeros: pair(0),
      constantRow: { golden: false, actual: pcc === null },
      constantBlocks: [],
    },
    moments: {
      cosine: 1,
      gain,
      offset: 0.5,
      residualSd: 0.1,
      sd: pair(2),
      min: pair(-8),
      max: pair(9),
      maxAbs: 0.25,
      maxAbsIndex: 3,
      meanAbs: 0.05,
      relL2: 0.05,
      nmseDb: -26,
    },
    distribution: {
      klNats,
      klReverseNats: klNats,
      logNormaliser: pair(10),
      textToken: { id: 1, probability: pair(0.5), logRatio },
    },
    choice: {
      top1: { golden: 1, actual: rank === 1 ? 1 : 2 },
      flip,
      ulp: 0.25,
      marginUlps: 2,
      margin: pair(0.5),
      goldenRankOnActual: rank,
      actualRankOnGolden: rank,
      overlap5: 5,
      overlap10: 10,
      top: [
        { id: 1, logit: { golden: 9, actual: 8.5 }, rank: { golden: 1, actual: rank } },
        { id: 2, logit: { golden: 8.5, actual: 9 }, rank: { golden: rank, actual: 1 } },
      ],
    },
    controls: { pccPreviousGolden: 0.5, pccPreviousActual: 0.4, pccUnrelatedGolden: 0.3 },
    evidence: null,
    timing: { goldenMs: 0, actualMs: 0, compareMs: 0 },
  };
}
