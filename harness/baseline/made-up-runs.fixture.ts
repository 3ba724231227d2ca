// Runs without sources: the numbers of their tokens are given, or drawn; as a baseline keeps and meets them.

import { recordExample } from '../gate/record.fixture.ts';
import type { BaselineSpec } from '../record/baseline.ts';
import { heldAgainst } from '../record/baseline.ts';
import type { CaseEvent, PromptEvent, RunEvent } from '../record/events.ts';
import type { CaseSpec, RunSpec } from '../record/run-spec.ts';
import type { TokenSummary } from '../record/summary.ts';
import { baselineOfRun } from './baseline-of-run.ts';
import { BaselineTokens } from './baseline-tokens.ts';
import type { RunBesideBaseline } from './judge-baseline.ts';

/** Of one prompt. */
export interface MadeUpTokens {
  readonly kl: readonly (number | null)[];
  /** 1 where both sides chose the same; all, if absent. */
  readonly top1?: readonly number[];
}

export const MADE_UP_CASE: CaseSpec = {
  name: 'c',
  model: 'toy',
  reference: { kind: 'onnx', precision: 'fp32' },
  tokenizerSha256: 'ab',
  eosTokenIds: [],
  prompts: [],
  variants: [{ name: 'v', model: 'toy', device: { kind: 'n150', knobs: {} } }],
};

const SOURCE: CaseEvent['device'] = {
  kind: 'n150-model',
  label: 'a device',
  model: 'toy',
  weightsSha256: 'aa',
  configSha256: 'cc',
  dtypes: { weights: 'BFP8_B' },
  logitsFormat: 'BFP8_B',
  settings: { tier: 'fast', threads: 3 },
};

export const MADE_UP_OPENED: CaseEvent = {
  event: 'case',
  case: 'c',
  variant: 'v',
  golden: { ...SOURCE, kind: 'reference', label: 'the reference', logitsFormat: 'F32', dtypes: {}, settings: {} },
  device: SOURCE,
  vocabSize: 100,
  notes: [],
};

/** What a test changes. */
export interface MadeUpChanges {
  readonly spec?: Partial<RunSpec>;
  readonly case?: Partial<CaseSpec>;
  readonly opened?: Partial<CaseEvent>;
  readonly prompt?: Partial<PromptEvent>;
  readonly isWhole?: boolean;
}

export function madeUpRun(prompts: readonly MadeUpTokens[], changes: MadeUpChanges = {}): RunBesideBaseline {
  const one: CaseSpec = {
    ...MADE_UP_CASE,
    prompts: prompts.map(({ kl }, i) => ({
      name: `p${i}`,
      user: 0,
      promptIds: kl.map((_, at) => at),
      continuationIds: [],
      positions: null,
    })),
    ...changes.case,
  };
  const spec: RunSpec = {
    mode: 'teacherForced',
    limits: { maxNewTokens: 0, maxSeqLen: 4096 },
    judge: { semantics: 'strict', pccMinimum: 0.79, rules: [] },
    cases: [one],
    ...changes.spec,
  };
  const tokens = new BaselineTokens();
  for (const [i, { kl, top1 }] of prompts.entries()) {
    for (const [position, klNats] of kl.entries()) {
      const key = { case: one.name, variant: one.variants[0]!.name, prompt: `p${i}`, position };
      const record = recordExample(key, { klNats: klNats ?? 0, rank: top1?.[position] === 0 ? 2 : 1 });
      tokens.add(klNats === null ? { ...record, distribution: null, choice: null } : record);
    }
  }
  return {
    spec,
    isWhole: changes.isWhole ?? true,
    caseOf: (name, variant) => ({ ...MADE_UP_OPENED, case: name, variant, ...changes.opened }),
    promptOf: (key) => {
      const judged = prompts[Number(key.prompt.slice(1))]?.kl.length ?? 0;
      const base = {
        event: 'prompt',
        ...key,
        stop: 'continuation-end',
        length: judged,
        planned: judged,
        judged,
      } as const;
      return { ...base, contextHash: 'beef', rowsSha256: '', divergence: null, failure: null, ...changes.prompt };
    },
    tokens,
  };
}

const NO_SUMMARY: TokenSummary = {
  ...{ n: 0, pcc: null, klNats: null, top1: null, top5: null, top10: null, rankP99: null },
  ...{ flips: { real: 0, nearTie: 0, tie: 0 }, maxAbs: null, gain: null, offset: null, nmseDb: null, pplRatio: null },
};

function summaryOf(prompts: readonly MadeUpTokens[]): TokenSummary {
  const all = prompts.flatMap(({ kl }) => kl);
  const known = all.filter((klNats) => klNats !== null);
  const mean = known.reduce((sum, klNats) => sum + klNats, 0) / known.length;
  const klNats = known.length === 0 ? null : { mean, se: null, p50: mean, p90: mean, p99: mean, max: mean };
  return { ...NO_SUMMARY, n: all.length, klNats };
}

export function madeUpBaseline(prompts: readonly MadeUpTokens[], changes: MadeUpChanges = {}): BaselineSpec {
  const run = madeUpRun(prompts, changes);
  const header = {
    ...{ runId: 'before', startedAt: '2026-11-01T00:00:00.000Z', command: 'qwen-pcc validate', spec: run.spec },
    tool: { name: 'qwen-pcc', version: '0.1.0', gitSha: null },
  } as RunEvent;
  const summary = { all: summaryOf(prompts), byPhase: {} };
  return heldAgainst(
    baselineOfRun(
      { ...run, run: header, verdict: 'pass', summaryOf: () => summary },
      { reason: 'a test', acceptedAt: '2026-11-01T00:00:00.000Z', before: undefined },
    ),
  );
}
