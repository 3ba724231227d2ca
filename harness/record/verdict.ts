// What a gate answers: verdict, the fate of each rule, and coverage; types only.

import type { ExpectedResult } from './allowances.ts';
import type { BaselineRule, GateRule } from './rules.ts';
import type { TokenKey } from './token-record.ts';

export const VERDICT_STATUSES = ['pass', 'fail', 'invalid'] as const;
export type VerdictStatus = (typeof VERDICT_STATUSES)[number];

/** A token, a prompt (position null) or a variant of a case (prompt, user and position null). */
export interface RulePlace {
  readonly case: string;
  readonly variant: string;
  readonly prompt: string | null;
  readonly user: number | null;
  readonly position: number | null;
}

/** A rule and what became of it. */
export type RuleResult = (GateRule | BaselineRule) & {
  /** Worst value seen: of a token, a prompt or a variant, as the scope says; null if none exists. */
  readonly observed: number | null;
  /** 1 - share of the allowed distance from ideal that `observed` uses; negative when broken, null if none. */
  readonly headroom: number | null;
  /**
   * notTriggered: nothing to judge; tooFewTokens: something, but less than the rule's sample in every place; notJudgedHere: the tokens
   * that it looks at together lie in several logs, of which this is one; unstable: none is broken beyond the measured spread, but tokens
   * lie so near to the limit that the device may say either.
   */
  readonly status: 'pass' | 'fail' | 'invalid' | 'notTriggered' | 'tooFewTokens' | 'notJudgedHere' | 'unstable';
  /** How many were judged and how many broke the rule: tokens, prompts or variants. */
  readonly judged: number;
  readonly failures: number;
  /** How many more broke it where the rules file expects that; absent: none. */
  readonly expected?: number;
  /** Tokens that lie within the measured spread of the limit, neither kept nor broken; absent where no spread was measured. */
  readonly unstable?: number;
  /** Prompts or variants with fewer tokens than `sampleMinimum`, which the rule could not judge; 0 for token rules. */
  readonly tooFew: number;
  /** Most tokens that one of those had; null if there was none. */
  readonly largestTooFew: number | null;
  /** Where `observed` is; prompt scope has no position, run scope no prompt either. */
  readonly worstAt: RulePlace | null;
};

/** Planned and judged tokens; a gate never passes with one missing. */
export interface Coverage {
  readonly promptsPlanned: number;
  readonly promptsJudged: number;
  readonly tokensPlanned: number;
  readonly tokensJudged: number;
  readonly prefill: number;
  readonly decode: number;
  readonly rulesPlanned: number;
  readonly rulesEvaluated: number;
  readonly rulesNeverTriggered: readonly string[];
  /** Rules with fewer tokens everywhere than they need; a pass says them. */
  readonly rulesTooFewTokens: readonly string[];
  /** Rules that only the merge of all parts can judge; absent in a run of the whole plan. */
  readonly rulesNotJudgedHere?: readonly string[];
}

export interface Verdict {
  readonly status: VerdictStatus;
  /** One sentence for people. */
  readonly headline: string;
  /** Ids of the rules that failed or were invalid, in order of the rule table. */
  readonly failingRules: readonly string[];
  readonly firstFailure: TokenKey | null;
  /** Token with the least headroom of the PCC rule, failing tokens first; null if no token was judged. */
  readonly worst: (TokenKey & { readonly metric: string; readonly value: number | null }) | null;
  readonly coverage: Coverage;
  readonly rules: readonly RuleResult[];
  /** What the rules file expects to fail; absent: nothing. */
  readonly expected?: readonly ExpectedResult[];
}
