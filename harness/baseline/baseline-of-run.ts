// From a finished run to the baseline that later ones are held against.
import { InternalError } from '../../src/errors.ts';
import {
  BASELINE_VERSION,
  type Baseline,
  type BaselineCase,
  type BaselineMark,
  type BaselinePrompt,
  type BaselineState,
  type BaselineSummary,
  type BaselineVariant,
  EARLIER_KEPT,
} from '../record/baseline.ts';
import type { RunEvent } from '../record/events.ts';
import { type CaseSpec, tokensPlannedMax } from '../record/run-spec.ts';
import type { TokenSummary, VariantSummary } from '../record/summary.ts';
import { PHASES } from '../record/token-record.ts';
import { baselineSource, judgedVariants, promptPlanHash } from './fit.ts';
import type { RunBesideBaseline } from './judge-baseline.ts';
import { packBits, packCodes } from './token-codes.ts';

export interface AcceptedRun extends RunBesideBaseline {
  readonly run: RunEvent;
  readonly verdict: BaselineState['verdict'];
  readonly summaryOf: (caseName: string, variant: string) => VariantSummary;
}

export interface Acceptance {
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly acceptedAt: string;
  /** What stands so far. */
  readonly before: Baseline | undefined;
}

/** @param accepted - whole: every prompt of its plan ended without failure. */
export function baselineOfRun(accepted: AcceptedRun, { reason, acceptedAt, before }: Acceptance): Baseline {
  const { run, verdict } = accepted;
  const cases = run.spec.cases.map((one) => caseOf(one, accepted));
  const state: BaselineState = {
    runId: run.runId,
    runAt: run.startedAt,
    acceptedAt,
    reason,
    tool: run.tool,
    command: run.command,
    verdict,
    marks: cases.flatMap(({ name, variants }) => variants.map((variant) => markOf(name, variant))),
  };
  const earlier = before === undefined ? [] : [before.state, ...before.earlier].slice(0, EARLIER_KEPT);
  return { schemaVersion: BASELINE_VERSION, mode: run.spec.mode, state, cases, earlier };
}

function markOf(name: string, { name: variant, all }: BaselineVariant): BaselineMark {
  const { tokens, klNats, pcc, top1 } = all;
  return { case: name, variant, tokens, klMean: klNats?.mean ?? null, pccMedian: pcc?.p50 ?? null, top1 };
}

function caseOf(spec: CaseSpec, accepted: AcceptedRun): BaselineCase {
  const events = judgedVariants(spec).map(
    ({ name }) => accepted.caseOf(spec.name, name) ?? missing(`${spec.name}, ${name}`),
  );
  return {
    name: spec.name,
    reference: baselineSource(events[0]!.golden),
    tokenizerSha256: spec.tokenizerSha256,
    variants: events.map(({ variant, device, vocabSize }): BaselineVariant => {
      const { all, byPhase } = accepted.summaryOf(spec.name, variant);
      const phases = PHASES.flatMap((phase) => {
        const summary = byPhase[phase];
        return summary === undefined ? [] : [[phase, summarise(summary)] as const];
      });
      return {
        name: variant,
        device: baselineSource(device),
        vocabSize,
        all: summarise(all),
        byPhase: Object.fromEntries(phases),
        prompts: spec.prompts.map((prompt) => promptOf(spec.name, variant, prompt, accepted)),
      };
    }),
  };
}

function promptOf(
  caseName: string,
  variant: string,
  prompt: CaseSpec['prompts'][number],
  { spec, tokens, promptOf: eventOf }: AcceptedRun,
): BaselinePrompt {
  const key = { case: caseName, variant, prompt: prompt.name, user: prompt.user };
  const event = eventOf(key) ?? missing(`${caseName} › ${prompt.name}`);
  const { kl, top1 } = tokens.of(key);
  return {
    name: prompt.name,
    user: prompt.user,
    planSha256: promptPlanHash(prompt),
    planned: tokensPlannedMax(prompt, spec.limits),
    tokens: event.judged,
    contextHash: event.contextHash,
    kl: packCodes(kl),
    top1: packBits(top1),
  };
}

function summarise({ n, pcc, klNats, top1 }: TokenSummary): BaselineSummary {
  return {
    tokens: n,
    pcc: pcc === null ? null : { min: pcc.min, p1: pcc.p1, p5: pcc.p5, p50: pcc.p50 },
    klNats: klNats === null ? null : { mean: klNats.mean, p50: klNats.p50, p90: klNats.p90, p99: klNats.p99 },
    top1,
  };
}

function missing(what: string): never {
  throw new InternalError(`a baseline of a run that is not whole: ${what} is missing.`, { code: 'BASELINE_NOT_WHOLE' });
}
