// The gate: takes judged tokens one by one and concludes a verdict at any time. Nothing passes for lack of evidence.

import { summarizeSample } from '../metrics/aggregate.ts';
import type { ExpectedFailure, ExpectedResult } from '../record/allowances.ts';
import type { GateRule } from '../record/rules.ts';
import type { ControlSummary, TokenSummary, VariantSummary } from '../record/summary.ts';
import { PHASES, type Phase, type SequenceKey, type TokenKey, type TokenRecord } from '../record/token-record.ts';
import type { Coverage, RuleResult, Verdict, VerdictStatus } from '../record/verdict.ts';
import { describeAllowances } from './allowance-words.ts';
import { summarizeControls } from './controls.ts';
import {
  evaluateAggregateRule,
  evaluateCoverage,
  evaluateTokenRule,
  leaveUnjudged,
  observeGroups,
  type TokenGroup,
} from './evaluate-rule.ts';
import { createExpectedTally } from './expected-failures.ts';
import { headlineOf } from './headline.ts';
import { isTokenRule, judgeByTokenRules, type RuleOutcome } from './judge-token.ts';
import { arrangeSequences, auditCoverage, createJudgedSequences, type PlannedSequence } from './judged-sequences.ts';
import { noticesOf } from './notices.ts';
import { appliesTo, isExpected } from './rule-places.ts';
import { createTokenColumns } from './token-columns.ts';
import { joinByVariant, joinTokens } from './token-groups.ts';
import { type SpreadOf, type StableOutcome, stableOutcomes } from './unstable.ts';

/** Judges a run as it goes on; keeps columns of numbers, no records. */
export interface Gate {
  /** Takes a judged token; those of a sequence come in rising position, or its coverage counts as broken. */
  add(record: TokenRecord): void;
  /**
   * The verdict on what was added so far; changes nothing.
   *
   * Token rules are judged per token, prompt rules per sequence, run rules per variant of a case, so that a bad variant
   * cannot hide among good ones. The verdict is `invalid` if a hard rule says so, if nothing was planned or judged, or if
   * a rule for a phase that the run has was never triggered; otherwise `fail` if any rule is broken. A rule that has too
   * few tokens to judge is named and decides nothing. In whatever order sequences came, the verdict is the same.
   *
   * @param isPart - the plan is a part of a larger one: rules over all prompts of a variant are left to the merge of the parts, and a
   * part without a prompt lacks nothing.
   */
  conclude(plan: readonly PlannedSequence[], isPart?: boolean, beside?: JudgedBeside): Verdict;
  summarizeAll(): TokenSummary;
  /** @param filter - which sequences; all if left out. */
  summarizePhases(filter?: (key: SequenceKey) => boolean): Partial<Record<Phase, TokenSummary>>;
  summarizeVariant(caseName: string, variant: string): VariantSummary;
  /** @param filter - which sequences. */
  countUnstable(filter: (key: SequenceKey) => boolean, spreadOf: SpreadOf): UnstableCount;
  /** Null if no token of it was judged. */
  summarizeSequence(key: SequenceKey): TokenSummary | null;
  /** What PCC the rows of other positions reach, and whether a minimum tells them from the right ones. */
  controls(pccMinimum: number): ControlSummary;
}

/** What a verdict rests on besides the rules and the tokens. */
export interface JudgedBeside {
  /** A rule that something else has judged, with what the headline says of it. */
  readonly result?: RuleResult | undefined;
  readonly notices?: readonly string[] | undefined;
  /** How far apart two rows of one token lie. */
  readonly spreadOf?: SpreadOf | undefined;
}

/** Tokens that some rule finds within the spread and none beyond it broken; of them those that were logged as failing. */
export interface UnstableCount {
  readonly tokens: number;
  readonly failed: number;
}

/** @param expected - failures that fail nothing until their day; of rules that are not hard. */
export function createGate(rules: readonly GateRule[], expected: readonly ExpectedFailure[] = []): Gate {
  const tokenRules = rules.filter(isTokenRule);
  const columns = createTokenColumns(tokenRules.length);
  const sequences = createJudgedSequences();

  return {
    add(record) {
      const { outcomes, isSound } = judgeByTokenRules(tokenRules, record);
      columns.add(
        record,
        sequences.count(record),
        isSound,
        expected.length === 0 ? outcomes : excused(record, outcomes),
      );
    },
    conclude,
    summarizeAll: () => summarize(tokensOf()),
    summarizePhases: (filter) => summarizePhases(tokensOf(filter)),
    summarizeVariant(caseName, variant) {
      const tokens = tokensOf((key) => key.case === caseName && key.variant === variant);
      return { all: summarize(tokens), byPhase: summarizePhases(tokens) };
    },
    countUnstable(filter, spreadOf) {
      const outcomeOf = stableOutcomes(columns, tokenRules, keyOf, spreadOf, expected);
      const unstable = Array.from(tokensOf(filter)).filter((token) => isUnstable(token, outcomeOf));
      return { tokens: unstable.length, failed: unstable.filter((token) => isBroken(token)).length };
    },
    summarizeSequence(key) {
      const wanted = sequences.find(key);
      return wanted === null ? null : summarize(columns.ofSequence(wanted));
    },
    controls(pccMinimum) {
      const { values } = columns.sample(tokensOf());
      return summarizeControls(
        {
          own: values('pcc'),
          previous: values('pccPreviousGolden'),
          next: values('pccPreviousActual'),
          unrelated: values('pccUnrelatedGolden'),
        },
        pccMinimum,
      );
    },
  };

  function excused(record: TokenRecord, outcomes: readonly RuleOutcome[]): RuleOutcome[] {
    return outcomes.map((outcome, i) =>
      outcome === 2 && isExpected(expected, tokenRules[i]!.id, record) ? 3 : outcome,
    );
  }

  function conclude(plan: readonly PlannedSequence[], isPart = false, beside: JudgedBeside = {}): Verdict {
    const outcomeOf = stableOutcomes(columns, tokenRules, keyOf, beside.spreadOf, expected);
    const arranged = arrangeSequences(sequences, plan);
    const audit = auditCoverage(sequences, plan, arranged);
    const prompts = arranged.map((index) => ({ key: sequences.all[index]!.key, tokens: columns.ofSequence(index) }));
    const groups = { prompt: prompts, run: joinByVariant(prompts) };
    const tokens = joinTokens(prompts);
    const own = rules.map((rule) => {
      if (isTokenRule(rule)) {
        return evaluateTokenRule(rule, tokenRules.indexOf(rule), columns, tokens, keyOf, outcomeOf);
      }
      if (rule.metric === 'coverage') return evaluateCoverage(rule, audit.shares);
      return isPart && rule.scope === 'run'
        ? leaveUnjudged(rule)
        : evaluateAggregateRule(rule, columns, { groups: groups[rule.scope], expected });
    });
    const results = beside.result === undefined ? own : [...own, beside.result];
    const counts = countPhases(tokens);
    const isApplicable = (rule: RuleResult): boolean =>
      rule.places === undefined
        ? rule.phase === 'all' || counts[rule.phase] > 0
        : plan.some((key) => appliesTo(rule, key)) &&
          (rule.phase === 'all' ||
            prompts.some((group) => appliesTo(rule, group.key) && countPhases(group.tokens)[rule.phase as Phase] > 0));
    const neverTriggered = results.filter(
      (rule) => rule.status === 'notTriggered' && isApplicable(rule) && !(isPart && plan.length === 0),
    );
    const tooFewTokens = results.filter(({ status }) => status === 'tooFewTokens');
    const coverage: Coverage = {
      promptsPlanned: plan.length,
      promptsJudged: audit.promptsJudged,
      tokensPlanned: audit.tokensPlanned,
      tokensJudged: audit.tokensJudged,
      prefill: counts.prefill,
      decode: counts.firstDecode + counts.decode,
      rulesPlanned: results.length,
      rulesEvaluated: results.filter(({ status }) => !UNJUDGED.has(status)).length,
      rulesNeverTriggered: neverTriggered.map(({ id }) => id),
      rulesTooFewTokens: tooFewTokens.map(({ id }) => id),
      ...(isPart ? { rulesNotJudgedHere: results.filter(isLeft).map(({ id }) => id) } : {}),
    };
    const isEmptyPart = isPart && plan.length === 0;
    const isVacuous =
      rules.length === 0 || (!isEmptyPart && (coverage.tokensPlanned === 0 || coverage.tokensJudged === 0));
    const broken = tokens.filter((token) => isBroken(token, outcomeOf));
    const found = expected.length === 0 ? undefined : countExpected(tokens, groups, isPart);
    const draft = {
      status: statusOf(results, isVacuous || !audit.isComplete || neverTriggered.length > 0),
      failingRules: results.filter(({ status }) => FAILING.has(status)).map(({ id }) => id),
      firstFailure: broken.length === 0 ? null : keyOf(broken[0]!),
      worst: findWorstToken(broken.length > 0 ? broken : tokens),
      coverage,
      rules: results,
      ...(found === undefined ? {} : { expected: found }),
    };
    const isWhole = !isPart && audit.isComplete;
    const notices = [
      ...noticesOf(columns, broken, prompts),
      ...(beside.notices ?? []),
      ...describeAllowances(results, found ?? [], isWhole),
    ];
    return { ...draft, headline: headlineOf(draft, notices) };
  }

  function countExpected(
    tokens: Int32Array,
    groups: Readonly<Record<'prompt' | 'run', readonly TokenGroup[]>>,
    isPart: boolean,
  ): readonly ExpectedResult[] {
    const tally = createExpectedTally(expected);
    for (const rule of rules) {
      if (!expected.some(({ rule: id }) => id === rule.id)) continue;
      if (isTokenRule(rule)) {
        const index = tokenRules.indexOf(rule);
        for (const token of tokens) {
          if (columns.outcomeOf(index, token) >= 2) tally.add(rule, keyOf(token), columns.valueOf(rule.metric, token));
        }
      } else if (rule.metric !== 'coverage' && !(isPart && rule.scope === 'run')) {
        for (const { isBroken, place, value } of observeGroups(rule, columns, groups[rule.scope]).observations) {
          if (isBroken) tally.add(rule, place, value);
        }
      }
    }
    return tally.results;
  }

  function keyOf(token: number): TokenKey {
    return { ...sequences.all[columns.sequenceOf(token)]!.key, position: columns.positionOf(token) };
  }

  function isBroken(token: number, outcomeOf: OutcomeOf = columns.outcomeOf): boolean {
    return tokenRules.some((_, index) => outcomeOf(index, token) === 2);
  }

  function isUnstable(token: number, outcomeOf: OutcomeOf): boolean {
    return tokenRules.some((_, index) => outcomeOf(index, token) === 4) && !isBroken(token, outcomeOf);
  }

  /** The token to look at first: of the lowest PCC, where one that does not exist is lowest. */
  function findWorstToken(tokens: Int32Array): Verdict['worst'] {
    let worst: { token: number; value: number | null } | null = null;
    for (const token of tokens) {
      const value = columns.valueOf('pcc', token);
      const isWorse = worst === null || (worst.value !== null && (value === null || value < worst.value));
      if (isWorse) worst = { token, value };
    }
    return worst === null ? null : { ...keyOf(worst.token), metric: 'pcc', value: worst.value };
  }

  function tokensOf(filter: (key: SequenceKey) => boolean = () => true): Int32Array {
    const isWanted = sequences.all.map(({ key }) => filter(key));
    return Int32Array.from({ length: columns.length }, (_, token) => token).filter(
      (token) => isWanted[columns.sequenceOf(token)],
    );
  }

  function summarize(tokens: Int32Array): TokenSummary {
    return summarizeSample(columns.sample(tokens));
  }

  function summarizePhases(tokens: Int32Array): Partial<Record<Phase, TokenSummary>> {
    const summaries: Partial<Record<Phase, TokenSummary>> = {};
    for (const phase of PHASES) {
      const selected = columns.select(tokens, phase, false);
      if (selected.length > 0) summaries[phase] = summarize(selected);
    }
    return summaries;
  }

  function countPhases(tokens: Int32Array): Record<Phase, number> {
    const counts = { prefill: 0, firstDecode: 0, decode: 0 };
    for (const token of tokens) counts[columns.phaseOf(token)]++;
    return counts;
  }
}

/** unstable: not broken, but a rule for which no pass can be given. */
const FAILING: ReadonlySet<RuleResult['status']> = new Set(['fail', 'invalid', 'unstable']);
type OutcomeOf = (rule: number, token: number) => StableOutcome;

const UNJUDGED: ReadonlySet<RuleResult['status']> = new Set(['notTriggered', 'tooFewTokens', 'notJudgedHere']);

function isLeft({ status }: RuleResult): boolean {
  return status === 'notJudgedHere';
}

function statusOf(results: readonly RuleResult[], isEvidenceMissing: boolean): VerdictStatus {
  if (isEvidenceMissing || results.some(({ status }) => status === 'invalid')) return 'invalid';
  if (results.some(({ status }) => status === 'fail')) return 'fail';
  // Nothing is shown to be broken, and not all of it is shown to be kept.
  return results.some(({ status }) => status === 'unstable') ? 'invalid' : 'pass';
}
