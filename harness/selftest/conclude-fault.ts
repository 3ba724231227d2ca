// From the run of a fault to what the rules made of it: caught, told, passed, or not to be judged on this case; pure.
import { EXIT_CODES } from '../../src/errors.ts';
import type { Fault } from '../faults/fault.ts';
import { createGate } from '../gate/gate.ts';
import { BASELINE_METRIC, type GateRule } from '../record/rules.ts';
import type { RunRecord } from '../record/run-record.ts';
import type { FaultOutcome, FaultResult } from '../record/selftest-record.ts';
import type { TokenRecord } from '../record/token-record.ts';
import type { RuleResult } from '../record/verdict.ts';
import type { JudgedSource } from './judge-source.ts';

type FaultWords = Pick<FaultResult, 'id' | 'name' | 'kind' | 'standsFor' | 'source' | 'expect' | 'why'>;

export function wordsOf({ id, name, kind, standsFor, source, expect, why }: Fault): FaultWords {
  return { id, name, kind, standsFor, source, expect, why };
}

export function unfitResult(fault: Fault, reason: string): FaultResult {
  return {
    ...wordsOf(fault),
    outcome: 'notJudged',
    brokenRules: [],
    code: null,
    tooFewTokens: [],
    reason,
    passesThreshold: null,
    pccMin: null,
    klMean: null,
  };
}

export function concludeFault(fault: Fault, judged: JudgedSource): FaultResult {
  const { run, records } = judged;
  const tooFewTokens = run.exitCode === EXIT_CODES.pass ? rulesInNeed(run.gate.rules, records) : [];
  const { outcome, reason } = outcomeOf(fault, run, tooFewTokens);
  return {
    ...wordsOf(fault),
    outcome,
    brokenRules: brokenRules(run),
    code: run.failure?.code ?? null,
    tooFewTokens,
    reason,
    passesThreshold: outcome === 'notJudged' && tooFewTokens.length === 0 ? null : passesThreshold(judged),
    pccMin: run.summary.all.pcc?.min ?? null,
    klMean: run.summary.all.klNats?.mean ?? null,
  };
}

export function brokenRules({ gate }: Pick<RunRecord, 'gate'>): string[] {
  return gate.rules.filter(({ status }) => status === 'fail' || status === 'invalid').map(({ id }) => id);
}

function outcomeOf(
  { kind, expect }: Fault,
  run: RunRecord,
  tooFew: readonly string[],
): { readonly outcome: FaultOutcome; readonly reason: string | null } {
  if (run.exitCode !== EXIT_CODES.pass) return { outcome: 'caught', reason: null };
  if (run.verdict.headline.includes('WARNING:') && expect === 'told') return { outcome: 'told', reason: null };
  // A device that misbehaves within its contract hands out the right rows; any other fault has to change one.
  if (kind !== 'device' && expect !== 'told' && run.summary.all.maxAbs === 0) {
    return { outcome: 'notJudged', reason: 'it changes no row of this case' };
  }
  if (tooFew.length > 0) return { outcome: 'notJudged', reason: `too few tokens for ${tooFew.join(', ')}` };
  return { outcome: 'passes', reason: null };
}

/** Rules that judged nothing for lack of tokens, and that these tokens would break. */
function rulesInNeed(rules: readonly RuleResult[], records: readonly TokenRecord[]): string[] {
  const inNeed = rules.filter(({ status }) => status === 'tooFewTokens').map(({ id }) => id);
  const gate = createGate(
    rules.flatMap((rule) => (isOfTable(rule) && inNeed.includes(rule.id) ? [forAnySample(rule)] : [])),
  );
  for (const record of records) gate.add(record);
  return gate
    .conclude([])
    .rules.filter(({ status }) => status === 'fail' || status === 'invalid')
    .map(({ id }) => id);
}

/** A self-test has no baseline. */
function isOfTable(rule: RuleResult): rule is RuleResult & GateRule {
  return rule.metric !== BASELINE_METRIC;
}

function forAnySample(rule: GateRule): GateRule {
  return rule.scope === 'token' ? rule : { ...rule, sampleMinimum: 1 };
}

/** What a test would say that holds every row against the PCC minimum and knows no other rule; the contract stays checked. */
function passesThreshold({ run, records }: JudgedSource): boolean {
  const { tokensPlanned, tokensJudged } = run.coverage;
  const isWhole = run.failure === null && tokensPlanned > 0 && tokensJudged === tokensPlanned;
  return isWhole && records.every(({ pccJudgement }) => pccJudgement.outcome === 'pass');
}
