// A small run record that passed, for tests of what reports say of it: the parts replaceable one by one.
import { recordExample } from '../gate/record.fixture.ts';
import { TokenHighlights } from '../gate/token-highlights.ts';
import type { CaseRecord, PromptRecord, RunRecord, VariantRecord } from '../record/run-record.ts';
import type { TokenSummary } from '../record/summary.ts';
import type { TokenRecord } from '../record/token-record.ts';
import type { RuleResult } from '../record/verdict.ts';

const summary: TokenSummary = {
  n: 6,
  pcc: { undefinedCount: 0, min: 0.91, p1: 0.92, p5: 0.93, p50: 0.9876543, mean: 0.98, max: 0.999 },
  klNats: { mean: 0.012345, se: 0.001, p50: 0.01, p90: 0.02, p99: 0.03, max: 0.04 },
  top1: 0.875,
  top5: 1,
  top10: 1,
  flips: { real: 1, nearTie: 0, tie: 0 },
  rankP99: 2,
  maxAbs: 0.5,
  gain: 1,
  offset: 0,
  nmseDb: -30,
  pplRatio: null,
};

/** A prompt of 4 tokens with 2 new ones, all judged and good. */
export function promptExample(overrides: Partial<PromptRecord> = {}): PromptRecord {
  return {
    name: 'sotu',
    user: 0,
    promptLength: 4,
    newTokens: 2,
    forcedBy: 'reference',
    stop: 'max-new-tokens',
    divergencePosition: null,
    tokensPlanned: 6,
    tokensJudged: 6,
    tokensNotRecorded: 0,
    tokensFailed: 0,
    outcome: 'pass',
    cause: null,
    ms: 1250,
    summary,
    ...overrides,
  };
}

export function variantExample(overrides: Partial<VariantRecord> = {}): VariantRecord {
  return {
    name: 'n150',
    device: { kind: 'n150', knobs: {} },
    source: {
      kind: 'n150-model',
      label: 'N150 device model',
      model: 'tiny-device',
      weightsSha256: 'abc',
      dtypes: {},
      logitsFormat: 'BFP8_B',
      settings: {},
    },
    vocabSize: 64,
    notes: [],
    prompts: [promptExample()],
    summary: { all: summary, byPhase: {} },
    ...overrides,
  };
}

export function caseExample(overrides: Partial<CaseRecord> = {}): CaseRecord {
  return {
    name: 'general',
    model: 'tiny-qwen2',
    reference: { ...variantExample().source!, kind: 'reference', label: 'ONNX reference', model: 'tiny-qwen2' },
    tokenizerSha256: '0',
    variants: [variantExample()],
    ...overrides,
  };
}

/** A rule that held. */
export function ruleExample(overrides: Partial<RuleResult> = {}): RuleResult {
  return {
    id: 'pcc-minimum',
    phase: 'all',
    op: '>=',
    threshold: 0.79,
    ideal: 1,
    origin: 'compat',
    reason: 'the original test asks for it',
    onBreak: 'fail',
    scope: 'token',
    metric: 'pcc',
    observed: 0.91,
    headroom: 0.5714,
    status: 'pass',
    judged: 6,
    failures: 0,
    tooFew: 0,
    largestTooFew: null,
    worstAt: { case: 'general', variant: 'n150', prompt: 'sotu', user: 0, position: 3 },
    ...overrides,
  } as RuleResult;
}

/** A run that passed; one case, one variant, one prompt, one rule. */
export function runExample(overrides: Partial<RunRecord> = {}): RunRecord {
  return {
    schemaVersion: '2.0.0',
    tool: { name: 'qwen-pcc', version: '0.1.0', gitSha: null },
    runId: '2026-11-24T10-43-10Z',
    startedAt: '2026-11-24T10:43:10.000Z',
    finishedAt: '2026-11-24T10:44:10.000Z',
    durationMs: 61_500,
    usage: null,
    command: 'qwen-pcc validate',
    exitCode: 0,
    verdict: { status: 'pass', headline: 'all good', failingRules: [], firstFailure: null, worst: null },
    failure: null,
    notes: [],
    coverage: {
      promptsPlanned: 1,
      promptsJudged: 1,
      tokensPlanned: 6,
      tokensJudged: 6,
      prefill: 4,
      decode: 2,
      rulesPlanned: 1,
      rulesEvaluated: 1,
      rulesNeverTriggered: [],
      rulesTooFewTokens: [],
      skipped: [],
    },
    config: {
      mode: 'teacherForced',
      pccSemantics: 'strict',
      accumulator: 'float64',
      pccMinimum: 0.79,
      maxNewTokens: 2,
      maxSeqLen: 4096,
      part: null,
    },
    gate: { rules: [ruleExample()] },
    summary: { all: summary, byPhase: {} },
    controls: { previous: null, next: null, unrelated: null, telling: null },
    cases: [caseExample()],
    environment: { os: 'Linux', cpu: 'toy', threads: 1, memoryBytes: 1, node: 'v20', packages: {} },
    artifacts: [],
    ...overrides,
  };
}

/** A token of the example's case and variant. */
export function tokenExample(overrides: Partial<TokenRecord> = {}): TokenRecord {
  return { ...recordExample({ case: 'general', variant: 'n150', prompt: 'sotu' }), ...overrides };
}

export function highlightsOf(...records: readonly TokenRecord[]): TokenHighlights {
  const highlights = new TokenHighlights();
  for (const record of records) highlights.add(record);
  return highlights;
}
