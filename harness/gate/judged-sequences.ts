// Which sequences were judged, how far, and in which order a verdict speaks of them.

import { isSameSequence, type SequenceKey, sequenceId, type TokenKey } from '../record/token-record.ts';

/** Tokens that a run set out to judge in one sequence. */
export interface PlannedSequence extends SequenceKey {
  readonly tokens: number;
  /** Positions are below this; more than `tokens` where only some positions are judged. */
  readonly end: number;
}

export interface JudgedSequence {
  readonly key: SequenceKey;
  /** Positions judged, each once. */
  judged: number;
  lastPosition: number;
  /** A token came again, out of order or at no position at all. */
  isStray: boolean;
}

export interface JudgedSequences {
  readonly all: readonly JudgedSequence[];
  /** Counts a token; @returns its sequence's index in `all`. */
  count(token: TokenKey): number;
  find(key: SequenceKey): number | null;
}

export function createJudgedSequences(): JudgedSequences {
  const all: JudgedSequence[] = [];
  const indices = new Map<string, number>();
  let current = -1;
  return { all, count, find: (key) => indices.get(sequenceId(key)) ?? null };

  function count(token: TokenKey): number {
    // Tokens of one sequence mostly come together.
    if (current < 0 || !isSameSequence(all[current]!.key, token)) current = indexOf(token);
    const sequence = all[current]!;
    if (Number.isSafeInteger(token.position) && token.position > sequence.lastPosition) {
      sequence.judged++;
      sequence.lastPosition = token.position;
    } else {
      sequence.isStray = true;
    }
    return current;
  }

  function indexOf(token: TokenKey): number {
    const id = sequenceId(token);
    const known = indices.get(id);
    if (known !== undefined) return known;
    const { case: caseName, variant, prompt, user } = token;
    all.push({
      key: { case: caseName, variant, prompt, user },
      judged: 0,
      lastPosition: -1,
      isStray: false,
    });
    indices.set(id, all.length - 1);
    return all.length - 1;
  }
}

/** Indices of the sequences as the plan has them, those that nobody planned behind, by name: never as they came. */
export function arrangeSequences(sequences: JudgedSequences, plan: readonly PlannedSequence[]): readonly number[] {
  const planned = new Set<number>();
  for (const entry of plan) {
    const index = sequences.find(entry);
    if (index !== null) planned.add(index);
  }
  const unplanned = Array.from(sequences.all.keys())
    .filter((index) => !planned.has(index))
    .map((index) => ({ index, id: sequenceId(sequences.all[index]!.key) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return [...planned, ...unplanned.map(({ index }) => index)];
}

export interface CoverageAudit {
  /** Every planned token judged exactly once, and none besides. */
  readonly isComplete: boolean;
  readonly tokensPlanned: number;
  readonly tokensJudged: number;
  readonly promptsJudged: number;
  /** Share of planned tokens judged, per variant of a case; 0 where a token was judged twice or was not planned. */
  readonly shares: readonly VariantShare[];
}

export interface VariantShare {
  readonly case: string;
  readonly variant: string;
  readonly share: number;
}

export function auditCoverage(
  sequences: JudgedSequences,
  plan: readonly PlannedSequence[],
  arranged: readonly number[],
): CoverageAudit {
  const variants = new Map<
    string,
    { case: string; variant: string; wanted: number; found: number; hasStray: boolean }
  >();
  const variantOf = ({ case: caseName, variant }: SequenceKey) => {
    const id = JSON.stringify([caseName, variant]);
    const known = variants.get(id);
    if (known !== undefined) return known;
    const fresh = { case: caseName, variant, wanted: 0, found: 0, hasStray: false };
    variants.set(id, fresh);
    return fresh;
  };

  const planned = new Set<number>();
  const named = new Set<string>();
  for (const entry of plan) {
    const variant = variantOf(entry);
    variant.wanted += entry.tokens;
    const index = sequences.find(entry);
    // A sequence that the plan names twice would have to be judged twice, which no token may be.
    if (named.has(sequenceId(entry))) variant.hasStray = true;
    named.add(sequenceId(entry));
    if (index === null) continue;
    planned.add(index);
    const { judged, lastPosition } = sequences.all[index]!;
    variant.found += judged;
    if (judged > entry.tokens || lastPosition >= entry.end) variant.hasStray = true;
  }
  for (const index of arranged) {
    const { key, isStray } = sequences.all[index]!;
    if (isStray || !planned.has(index)) variantOf(key).hasStray = true;
  }

  const shares = Array.from(variants.values(), ({ case: caseName, variant, wanted, found, hasStray }) => ({
    case: caseName,
    variant,
    share: wanted === 0 || hasStray ? 0 : found / wanted,
  }));
  return {
    isComplete: shares.every(({ share }) => share === 1),
    tokensPlanned: plan.reduce((total, { tokens }) => total + tokens, 0),
    tokensJudged: sequences.all.reduce((total, { judged }) => total + judged, 0),
    promptsJudged: sequences.all.filter(({ judged }) => judged > 0).length,
    shares,
  };
}
