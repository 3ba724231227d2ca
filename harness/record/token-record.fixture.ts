// A token record as the run writes it, for tests of what reads records.
import type { TokenRecord } from './token-record.ts';

/** A passing record; `overrides` replace fields. */
export function tokenRecordExample(overrides: Partial<TokenRecord> = {}): TokenRecord {
  return {
    variant: 'general_weights-1_batch',
    prompt: 'sotu',
    position: 0,
    phase: 'prefill',
    step: null,
    text: ' Senate',
    inputToken: { golden: 7, actual: 7 },
    inputPosition: { golden: 0, actual: 0 },
    contextHash: { golden: 'c0ffee', actual: 'c0ffee' },
    contextEqual: true,
    status: 'pass',
    failedRules: [],
    reason: null,
    pcc: 0.9987,
    pccUndefined: null,
    pccJudgement: { semantics: 'strict', outcome: 'pass', pcc: 0.9987 },
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
    distribution: { klNats: 0.0031, klReverseNats: 0.0032, textToken: null },
    choice: null,
    controls: { pccPreviousGolden: null, pccUnrelatedGolden: null },
    timing: { goldenMs: 1, actualMs: 2, compareMs: 0.5 },
    evidence: null,
    ...overrides,
  };
}
