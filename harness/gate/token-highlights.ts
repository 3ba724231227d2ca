// The tokens that reports show, kept while a run goes on: the worst of all, the first failing ones of each prompt, and counts.
import { isSameSequence, type SequenceKey, sequenceId, type TokenRecord } from '../record/token-record.ts';

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
  /** Of the token before: most are of the same sequence. */
  #last: { readonly key: SequenceKey; readonly counts: Counts } | undefined;
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

  #countsOf({ case: caseName, variant, prompt, user }: SequenceKey): Counts {
    const key = { case: caseName, variant, prompt, user };
    if (this.#last !== undefined && isSameSequence(this.#last.key, key)) return this.#last.counts;
    const id = sequenceId(key);
    const known = this.#sequences.get(id);
    const counts = known ?? { judged: 0, failed: 0, invalid: 0, expected: 0, ms: 0, firstFailing: [] };
    if (known === undefined) this.#sequences.set(id, counts);
    this.#last = { key, counts };
    return counts;
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
  return (
    compareNumbers(isPassing(a) ? 1 : 0, isPassing(b) ? 1 : 0) ||
    compareNumbers(a.pccJudgement.pcc ?? Number.NEGATIVE_INFINITY, b.pccJudgement.pcc ?? Number.NEGATIVE_INFINITY) ||
    compareNumbers(a.choice?.flip === 'real' ? 0 : 1, b.choice?.flip === 'real' ? 0 : 1) ||
    compareNumbers(b.distribution?.klNats ?? 0, a.distribution?.klNats ?? 0)
  );
}

/** 0 with NaN, which is neither more nor less. */
function compareNumbers(a: number, b: number): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0;
}
