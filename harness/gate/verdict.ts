// What a gate answers: verdict, the fate of each rule, and coverage; types only.
import type { TokenKey } from '../run/token-record.ts';
import type { GateRule } from './rules.ts';

export const VERDICT_STATUSES = ['pass', 'fail', 'invalid'] as const;
export type VerdictStatus = (typeof VERDICT_STATUSES)[number];

/** A rule and what became of it. */
export type RuleResult = GateRule & {
  /** Worst value seen (token scope) or the value itself (run and prompt scope: of the worst prompt); null if none. */
  readonly observed: number | null;
  /** 1 - share of the allowed distance from ideal that `observed` uses; negative when broken, null if none. */
  readonly headroom: number | null;
  readonly status: 'pass' | 'fail' | 'invalid' | 'notTriggered';
  /** How many values were judged and how many broke the rule: tokens, prompts or 1. */
  readonly judged: number;
  readonly failures: number;
  /** Token (or prompt, with position null) of `observed`. */
  readonly worstAt: { readonly variant: string; readonly prompt: string; readonly position: number | null } | null;
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
}
