// A token record as a run writes it, for tests of what reads records.
import type { TokenRecord } from './token-record.ts';

/** A passing record; `overrides` replace fields. */
export function tokenRecordExample(overrides: Partial<TokenRecord> = {}): TokenRecord {
  const position = overrides.position ?? 0;
  return {
    case: 'general_weights-1_batch',
    variant: 'n150',
    prompt: 'sotu',
    user: 0,
    position,
    phase: 'prefill',
    step: null,
    text: ' Senate',
    inputToken: { golden: 7, actual: 7 },
    inputPosition: { golden: position, actual: position },
    contextHash: { golden: 'c0ffee', actual: 'c0ffee' },
    status: 'pass',
    failedRules: [],
    reason: null,
    pcc: 0.9987,
    pccUndefined: null,
    pccJudgement: { semantics: 'strict', outcome: 'pass', pcc: overrides.pcc === undefined ? 0.9987 : overrides.pcc },
    hygiene: {
      vocabSize: 4,
      nan: { golden: 0, actual: 0 },
      positiveInfinity: { golden: 0, actual: 0 },
      negativeInfinity: { golden: 0, actual: 0 },
      maskedPairs: 0,
      zeros: { golden: 0, actual: 0 },
      constantRow: { golden: false, actual: false },
      constantBlocks: [],
    },
    moments: null,
    distribution: {
      klNats: 0.0031,
      klReverseNats: 0.0032,
      logNormaliser: { golden: 9.25, actual: 9.5 },
      textToken: null,
    },
    choice: null,
    controls: { pccPreviousGolden: null, pccPreviousActual: null, pccUnrelatedGolden: null },
    evidence: null,
    timing: { goldenMs: 1, actualMs: 2, compareMs: 0.5 },
    ...overrides,
  };
}
