// From what a run did to run.json: gate, summaries, coverage and exit code; a pure function of its arguments.
import { EXIT_CODES, QwenPccError } from '../../src/errors.ts';
import { evaluateGate } from '../gate/evaluate-gate.ts';
import { EXIT_CODE_OF_VERDICT } from '../gate/exit-code.ts';
import { summarizeBy, summarizeControl, summarizeTokens } from '../metrics/aggregate.ts';
import { DEFAULT_TIE_ULPS } from '../metrics/flips.ts';
import { TOP_COUNT } from '../metrics/row-comparer.ts';
import {
  type PromptRecord,
  type RunRecord,
  type RunSummary,
  SCHEMA_VERSION,
  type VariantRecord,
} from '../record/run-record.ts';
import type { TokenRecord } from '../record/token-record.ts';
import type { Verdict } from '../record/verdict.ts';
import { isAbort } from '../sequence/sides.ts';
import { tokensPlannedMax } from '../sources/plan.ts';
import type { CaseResult, RunPlan, RunResult } from './run-validate.ts';

/** What the run itself cannot know. */
export interface RunFrame {
  readonly runId: string;
  readonly tool: RunRecord['tool'];
  /** The command line that repeats the run, without absolute paths. */
  readonly command: string;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly environment: RunRecord['environment'];
  readonly artifacts: RunRecord['artifacts'];
}

/** The record of a finished or stopped run; its `exitCode` is the command's. */
export function buildRunRecord(plan: RunPlan, result: RunResult, frame: RunFrame): RunRecord {
  const variants = result.cases.map((done) => variantRecord(done, result.records));
  const planned = plan.cases.flatMap((runCase) => {
    const done = result.cases.find(({ name }) => name === runCase.name);
    return runCase.prompts.map((prompt) => {
      const known = done?.prompts.find(({ name }) => name === prompt.name);
      const tokens = known?.tokensPlanned ?? tokensPlannedMax(prompt, plan.limits);
      return { variant: runCase.name, prompt: prompt.name, tokens };
    });
  });
  const verdict = evaluateGate({ rules: plan.judge.rules, plan: planned, records: result.records });
  const { coverage, rules, ...answer } = verdict;
  const ending = result.failure === undefined ? undefined : describeFailure(result.failure, verdict);
  const durationMs = frame.finishedAt.getTime() - frame.startedAt.getTime();
  return {
    schemaVersion: SCHEMA_VERSION,
    tool: frame.tool,
    runId: frame.runId,
    startedAt: frame.startedAt.toISOString(),
    finishedAt: frame.finishedAt.toISOString(),
    durationMs,
    usage: result.usage,
    command: frame.command,
    exitCode: ending?.exitCode ?? EXIT_CODE_OF_VERDICT[verdict.status],
    verdict: ending === undefined ? answer : { ...answer, status: ending.status, headline: ending.headline },
    coverage: { ...coverage, skipped: skippedTokens(result) },
    config: {
      mode: plan.mode,
      pccSemantics: plan.judge.semantics,
      accumulator: 'float64',
      pccMinimum: plan.judge.pccMinimum,
      tieUlps: DEFAULT_TIE_ULPS,
      topK: TOP_COUNT,
      ...plan.limits,
    },
    gate: { rules },
    summary: summarize(result.records),
    controls: {
      previous: summarizeControl(result.records, 'pccPreviousGolden'),
      unrelated: summarizeControl(result.records, 'pccUnrelatedGolden'),
    },
    variants,
    environment: frame.environment,
    events:
      ending === undefined ? [] : [{ ms: durationMs, level: 'error', code: ending.code, message: ending.headline }],
    artifacts: frame.artifacts,
  };
}

interface Ending {
  readonly status: RunRecord['verdict']['status'];
  readonly exitCode: number;
  readonly code: string;
  readonly headline: string;
}

/** Contexts that cannot be compared make the run invalid; everything else that ends a run early is an error. */
function describeFailure(failure: unknown, { coverage }: Verdict): Ending {
  const judged = `(${coverage.tokensJudged} of ${coverage.tokensPlanned} tokens judged)`;
  if (isAbort(failure)) {
    return {
      status: 'error',
      exitCode: EXIT_CODES.interrupted,
      code: 'INTERRUPTED',
      headline: `stopped by the user ${judged}`,
    };
  }
  const message = failure instanceof Error ? failure.message : String(failure);
  const headline = `${message.split('\n')[0]} ${judged}`;
  if (!(failure instanceof QwenPccError))
    return { status: 'error', exitCode: EXIT_CODES.internal, code: 'INTERNAL', headline };
  const { exitCode, code } = failure;
  return { status: exitCode === EXIT_CODES.comparisonInvalid ? 'invalid' : 'error', exitCode, code, headline };
}

function skippedTokens({ tokensAfterDivergence }: RunResult): RunRecord['coverage']['skipped'] {
  if (tokensAfterDivergence === 0) return [];
  return [
    { reason: 'after the texts part, the contexts differ and nothing is comparable', count: tokensAfterDivergence },
  ];
}

function variantRecord(done: CaseResult, records: readonly TokenRecord[]): VariantRecord {
  const own = records.filter(({ variant }) => variant === done.name);
  const prompts = done.prompts.map((prompt): PromptRecord => prompt);
  return { ...done, prompts, summary: summarize(own) };
}

function summarize(records: readonly TokenRecord[]): RunSummary {
  const variants = new Set(records.map(({ variant }) => variant));
  const promptKey = ({ variant, prompt }: TokenRecord): string => (variants.size > 1 ? `${variant}/${prompt}` : prompt);
  return {
    all: summarizeTokens(records),
    byPhase: summarizeBy(records, ({ phase }) => phase),
    byPrompt: summarizeBy(records, promptKey) as RunSummary['byPrompt'],
  };
}
