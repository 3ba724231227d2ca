// What a comparison of two runs says, as diff.json has it; types and closed sets, no computation.
import type { Phase, TokenStatus } from '../../record/token-record.ts';

export const DIFF_SCHEMA_VERSION = '1.0.0';
export const DIFF_FILE = 'diff.json';

/** The same quantity of both runs. */
export interface Sides<T> {
  readonly a: T;
  readonly b: T;
}

export const TOKEN_CHANGES = ['newlyFails', 'newlyHeals', 'stillFails', 'drifted', 'near', 'same'] as const;
/**
 * What became of a token; each has one. drifted: passes in both, but a number moved by more than its margin; near: by no more than
 * that; same: every number that the logs store of the row is equal.
 */
export type TokenChange = (typeof TOKEN_CHANGES)[number];

/** The changes whose tokens are shown one by one. */
export const SHOWN_CHANGES = ['newlyFails', 'newlyHeals', 'stillFails', 'drifted'] as const;
export type ShownChange = (typeof SHOWN_CHANGES)[number];

/** Largest changes that are no drift. */
export interface DriftMargins {
  /** Of KL(golden || actual), nats. */
  readonly klNats: number;
  /** Of 1 - PCC. */
  readonly pccLoss: number;
  /** Of the golden log-probability that the device's choice gives up, nats. */
  readonly regretNats: number;
}

/** A token's numbers in one run. null: does not exist. */
export interface SideNumbers {
  readonly status: TokenStatus;
  readonly failedRules: readonly string[];
  /** Strict. */
  readonly pcc: number | null;
  readonly klNats: number | null;
  /** log p golden of golden's choice - log p golden of the device's choice, nats, >= 0. */
  readonly regretNats: number | null;
}

/** A token that both runs judged. */
export interface DiffToken {
  readonly case: string;
  readonly variant: Sides<string>;
  readonly prompt: string;
  readonly user: number;
  readonly position: number;
  readonly phase: Phase;
  readonly step: number | null;
  readonly text: string;
  readonly a: SideNumbers;
  readonly b: SideNumbers;
  /** The largest of the changes, each in units of its margin. */
  readonly drift: number;
  /** Commands that show the token in either run. */
  readonly inspect: Sides<string>;
}

/** Counts and means over the tokens of a prompt, a phase or all. */
export interface GroupDiff {
  /** Tokens that both runs judged. */
  readonly tokens: number;
  readonly changes: Readonly<Record<TokenChange, number>>;
  /** Tokens whose stored numbers are all equal, failing ones included. */
  readonly unchanged: number;
  /** Over tokens that have one in both runs; null if there is none. */
  readonly pccLowest: Sides<number | null>;
  readonly klMean: Sides<number | null>;
  /** Share of tokens where the device chooses as the reference does. */
  readonly top1: Sides<number | null>;
}

export interface PhasedDiff {
  readonly all: GroupDiff;
  readonly byPhase: Readonly<Partial<Record<Phase, GroupDiff>>>;
}

/** A prompt that both runs were to judge, on a variant of each. */
export interface PromptDiff extends PhasedDiff {
  readonly case: string;
  readonly variant: Sides<string>;
  readonly prompt: string;
  readonly user: number;
  /** Tokens that only one of the runs judged. */
  readonly tokensAlone: Sides<number>;
}

/** A prompt on a variant that only one of the runs was to judge. */
export interface AlonePrompt {
  readonly side: 'a' | 'b';
  readonly case: string;
  readonly variant: string;
  readonly prompt: string;
  readonly user: number;
}

export const RULE_CHANGES = ['newlyBroken', 'newlyKept', 'stillBroken', 'other', 'none'] as const;
/** Of a rule's status. newlyKept: broken in A alone; other: neither is broken, but it does not judge in one run or is not there. */
export type RuleChange = (typeof RULE_CHANGES)[number];

export const RULE_STATUSES = [
  'pass',
  'fail',
  'invalid',
  'notTriggered',
  'tooFewTokens',
  'notJudgedHere',
  'unstable',
  'absent',
] as const;

/** A rule's fate in both runs, each over all tokens that the run judged, paired or not. */
export interface RuleDiff {
  readonly id: string;
  readonly scope: 'token' | 'prompt' | 'run';
  readonly change: RuleChange;
  readonly status: Sides<(typeof RULE_STATUSES)[number]>;
  /** Worst value seen. */
  readonly observed: Sides<number | null>;
  /** As people read it: `<= 0.05`. */
  readonly limit: Sides<string | null>;
  /** Tokens, prompts or variants that broke it. */
  readonly failures: Sides<number>;
}

/** One of the two runs. */
export interface DiffedRun {
  /** As it was named. */
  readonly folder: string;
  readonly runId: string;
  readonly tool: string;
  readonly command: string;
  readonly status: 'pass' | 'fail' | 'invalid' | 'error';
  readonly headline: string;
  readonly tokensJudged: number;
  readonly tokensPlanned: number;
}

export interface RunDiff {
  readonly schemaVersion: string;
  /** 1: a token newly fails, a rule is newly broken, or the verdict is a pass no more; 0 otherwise. */
  readonly exitCode: 0 | 1;
  readonly a: DiffedRun;
  readonly b: DiffedRun;
  readonly margins: DriftMargins;
  /** What is not the same in both runs and does not forbid to compare them. */
  readonly differences: readonly ({ readonly what: string } & Sides<string>)[];
  readonly alone: readonly AlonePrompt[];
  readonly total: PhasedDiff;
  readonly tokensAlone: Sides<number>;
  /** In the order of run A. */
  readonly prompts: readonly PromptDiff[];
  /** Of each change the most important tokens, at most ten. */
  readonly tokens: Readonly<Record<ShownChange, readonly DiffToken[]>>;
  readonly rules: readonly RuleDiff[];
}
