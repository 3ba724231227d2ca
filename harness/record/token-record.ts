// One judged token: its key, what was measured, what the gate said; types and small words, no files.
import type {
  Pair,
  PccJudgement,
  RowChoice,
  RowControls,
  RowDistribution,
  RowHygiene,
  RowMoments,
  UndefinedCorrelation,
} from './row-metrics.ts';

/** prefill: rows of prompt positions; firstDecode: the first generated position; decode: all later ones. */
export const PHASES = ['prefill', 'firstDecode', 'decode'] as const;
export type Phase = (typeof PHASES)[number];

export function phaseOfPosition(position: number, promptLength: number): Phase {
  if (position < promptLength) return 'prefill';
  return position === promptLength ? 'firstDecode' : 'decode';
}

export const TOKEN_STATUSES = [
  'pass',
  'passNearTie',
  'expectedFailure',
  'failPcc',
  'failRank',
  'failFlip',
  'failKl',
  'failGain',
  'undefinedConstant',
  'invalidNonFinite',
  'invalidShape',
  'contextDiverged',
] as const;
/** Verdict on one token; the first broken rule names it, `expectedFailure` that the rules file expects all that it breaks. */
export type TokenStatus = (typeof TOKEN_STATUSES)[number];

/** A text that both sides are fed, on one variant of a case. */
export interface SequenceKey {
  /** A reference checkpoint with its prompts, e.g. `general_weights-1_batch`. */
  readonly case: string;
  /** What stands on the device side; unique in its case. */
  readonly variant: string;
  readonly prompt: string;
  /** Row of a batch, 0-based; 0 for a prompt that was run alone. */
  readonly user: number;
}

/** Where a token sits: enough to find it in a run. */
export interface TokenKey extends SequenceKey {
  /** 0-based, prompt first. */
  readonly position: number;
}

/** What the log keeps of a token. */
export interface TokenRecord extends TokenKey {
  readonly phase: Phase;
  /** Decode step, 0-based; null in prefill. */
  readonly step: number | null;
  /** Text of the token consumed at this position. */
  readonly text: string;
  readonly inputToken: Pair<number>;
  readonly inputPosition: Pair<number>;
  /** Hash of all (position, token) pairs consumed so far. */
  readonly contextHash: Pair<string>;

  readonly status: TokenStatus;
  readonly failedRules: readonly string[];
  /** One sentence why the token is not a plain pass; null if it is. */
  readonly reason: string | null;

  /** PCC in the strict sense; null if it does not exist. */
  readonly pcc: number | null;
  readonly pccUndefined: UndefinedCorrelation | null;
  /** The semantics that the gate used and what it said. */
  readonly pccJudgement: PccJudgement;
  readonly hygiene: RowHygiene;
  readonly moments: RowMoments | null;
  readonly distribution: RowDistribution | null;
  readonly choice: RowChoice | null;
  readonly controls: RowControls;

  /** File of the run folder that holds both rows; null if they were not kept. */
  readonly evidence: string | null;
  readonly timing: TokenTiming;
}

/** Milliseconds; the only fields of a record that differ between two runs of one spec. */
export interface TokenTiming {
  readonly goldenMs: number;
  readonly actualMs: number;
  readonly compareMs: number;
}

/** A key as one string, for maps; names may hold any character. */
export function sequenceId({ case: caseName, variant, prompt, user }: SequenceKey): string {
  return JSON.stringify([caseName, variant, prompt, user]);
}

/** Whether two keys, of tokens too, are of one sequence: cheaper than two ids. */
export function isSameSequence(a: SequenceKey, b: SequenceKey): boolean {
  return a.prompt === b.prompt && a.user === b.user && a.variant === b.variant && a.case === b.case;
}

/** How people read a prompt's name: with its row where it is one of a batch. */
export function promptLabel({ prompt, user }: Pick<SequenceKey, 'prompt' | 'user'>): string {
  return user === 0 ? prompt : `${prompt}[${user}]`;
}
