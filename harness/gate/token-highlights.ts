// The tokens that reports show, kept while a run goes on: the worst of all, the first failing ones of each prompt, and counts.
import { type SequenceKey, sequenceId, type TokenRecord } from '../record/token-record.ts';

/** Whether a token counts as good in a report: a plain pass, a flip that rounding explains, or a failure that the rules file expects. */
export function isPassing({ status }: Pick<TokenRecord, 'status'>): boolean {
  return status === 'pass' || status === 'passNearTie' || status === 'expectedFailure';
}

/** Whether a token makes its comparison invalid rather than failed. */
export function isInvalid({ status }: Pick<TokenRecord, 'status'>): boolean {
  return status === 'invalidNonFinite' || status === 'invalidShape' || status === 'contextDiverged';
}

export const WORST_KEPT = 20;
export const FAILING_KEPT_PER_PROMPT = 5;
/** Of all prompts: a record takes some 5 KB of memory, and a report of more is read by nobody. */
const FAILING_KEPT = 1000;

/** Of one sequence. */
export interface SequenceHighlights {
  readonly judged: number;
  readonly failed: number;
  readonly invalid: number;
  /** Failures that the rules file expects; not among the failed. */
  readonly expected: number;
  /** Both sides and the comparison. */
  readonly ms: number;
  /** In order of position. */
  readonly firstFailing: readonly TokenRecord[];
}

interface Counts {
  judged: number;
  failed: number;
  invalid: number;
  expected: number;
  ms: number;
  readonly firstFailing: TokenRecord[];
}

const NOTHING: SequenceHighlights = { judged: 0, failed: 0, invalid: 0, expected: 0, ms: 0, firstFailing: [] };

export class TokenHighlights {
  readonly #sequences: Map<string, Counts> = new Map();
  readonly #worst: TokenRecord[] = [];
  #judged = 0;
  #kept = 0;

  add(record: TokenRecord): void {
    const counts = this.#countsOf(record);
    const { goldenMs, actualMs, compareMs } = record.timing;
    counts.judged++;
    counts.ms += goldenMs + actualMs + compareMs;
    if (record.status === 'expectedFailure') counts.expected++;
    if (!isPassing(record)) {
      counts.failed++;
      if (isInvalid(record)) counts.invalid++;
      if (counts.firstFailing.length < FAILING_KEPT_PER_PROMPT && this.#kept < FAILING_KEPT) {
        counts.firstFailing.push(record);
        this.#kept++;
      }
    }
    this.#judged++;
    this.#insert(record);
  }

  /** The worst first, at most WORST_KEPT: see `worstTokens`. */
  get worst(): readonly TokenRecord[] {
    return [...this.#worst];
  }

  get judged(): number {
    return this.#judged;
  }

  get failed(): number {
    return Array.from(this.#sequences.values()).reduce((sum, { failed }) => sum + failed, 0);
  }

  ofSequence(key: SequenceKey): SequenceHighlights {
    return this.#sequences.get(sequenceId(key)) ?? NOTHING;
  }

  #countsOf(key: SequenceKey): Counts {
    const id = sequenceId(key);
    const known = this.#sequences.get(id);
    if (known !== undefined) return known;
    const fresh = { judged: 0, failed: 0, invalid: 0, expected: 0, ms: 0, firstFailing: [] };
    this.#sequences.set(id, fresh);
    return fresh;
  }

  #insert(record: TokenRecord): void {
    const worst = this.#worst;
    const last = worst.at(-1);
    if (worst.length === WORST_KEPT && compareSeverity(last!, record) <= 0) return;
    let at = worst.length;
    while (at > 0 && compareSeverity(record, worst[at - 1]!) < 0) at--;
    worst.splice(at, 0, record);
    if (worst.length > WORST_KEPT) worst.pop();
  }
}

/**
 * Worst first: tokens that broke a rule, then by PCC (none is lowest), as the verdict's worst; then real flips, then by KL.
 *
 * Equal tokens keep their order in the run, so the list is the same for the same records.
 */
export function worstTokens(records: readonly TokenRecord[], limit: number): readonly TokenRecord[] {
  return [...records].sort(compareSeverity).slice(0, limit);
}

/** Below 0 if `a` is worse. */
export function compareSeverity(a: TokenRecord, b: TokenRecord): number {
  const [keyA, keyB] = [severity(a), severity(b)];
  for (let i = 0; i < keyA.length; i++) {
    if (keyA[i]! < keyB[i]!) return -1;
    if (keyA[i]! > keyB[i]!) return 1;
  }
  return 0;
}

function severity(record: TokenRecord): readonly [failing: number, pcc: number, realFlip: number, kl: number] {
  return [
    isPassing(record) ? 1 : 0,
    record.pccJudgement.pcc ?? Number.NEGATIVE_INFINITY,
    record.choice?.flip === 'real' ? 0 : 1,
    -(record.distribution?.klNats ?? 0),
  ];
}
