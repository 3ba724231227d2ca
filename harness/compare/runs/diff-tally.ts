// Counts, means and lowest values over the tokens of a group, added up so that their order and that of the runs change no digit.
import { PHASES, type Phase } from '../../record/token-record.ts';
import type { TokenClass } from './classify-token.ts';
import type { RowNumbers } from './row-numbers.ts';
import { type GroupDiff, type PhasedDiff, type Sides, TOKEN_CHANGES, type TokenChange } from './run-diff.ts';

/** Of tokens that have a value in both runs. */
interface PairedSum {
  count: number;
  a: number;
  b: number;
}

/** A group that grows token by token. */
export class DiffTally {
  #tokens = 0;
  #unchanged = 0;
  readonly #changes = Object.fromEntries(TOKEN_CHANGES.map((change) => [change, 0])) as Record<TokenChange, number>;
  #pccLowest: Sides<number> | undefined;
  readonly #kl: PairedSum = { count: 0, a: 0, b: 0 };
  readonly #top1: PairedSum = { count: 0, a: 0, b: 0 };

  add({ a, b }: Sides<RowNumbers>, { change, isUnchanged }: TokenClass): void {
    this.#tokens++;
    this.#changes[change]++;
    if (isUnchanged) this.#unchanged++;
    if (a.pcc !== null && b.pcc !== null) this.#lower({ a: a.pcc, b: b.pcc });
    addTo(this.#kl, a.klNats, b.klNats);
    addTo(this.#top1, toNumber(a.isTop1), toNumber(b.isTop1));
  }

  /** Takes in all tokens of another group. */
  join(other: DiffTally): void {
    this.#tokens += other.#tokens;
    this.#unchanged += other.#unchanged;
    for (const change of TOKEN_CHANGES) this.#changes[change] += other.#changes[change];
    if (other.#pccLowest !== undefined) this.#lower(other.#pccLowest);
    for (const [into, from] of [
      [this.#kl, other.#kl],
      [this.#top1, other.#top1],
    ] as const) {
      into.count += from.count;
      into.a += from.a;
      into.b += from.b;
    }
  }

  conclude(): GroupDiff {
    return {
      tokens: this.#tokens,
      changes: { ...this.#changes },
      unchanged: this.#unchanged,
      pccLowest: this.#pccLowest ?? NEITHER,
      klMean: meanOf(this.#kl),
      top1: meanOf(this.#top1),
    };
  }

  #lower({ a, b }: Sides<number>): void {
    const before = this.#pccLowest ?? { a, b };
    this.#pccLowest = { a: Math.min(a, before.a), b: Math.min(b, before.b) };
  }
}

const NEITHER: Sides<null> = { a: null, b: null };

/** A sequence's tokens by phase. */
export class PhasedTally {
  readonly #phases: Map<Phase, DiffTally> = new Map();

  add(phase: Phase, rows: Sides<RowNumbers>, token: TokenClass): void {
    this.#tallyOf(phase).add(rows, token);
  }

  join(other: PhasedTally): void {
    for (const [phase, tally] of other.#phases) this.#tallyOf(phase).join(tally);
  }

  conclude(): PhasedDiff {
    const all = new DiffTally();
    const byPhase: Partial<Record<Phase, GroupDiff>> = {};
    for (const phase of PHASES) {
      const tally = this.#phases.get(phase);
      if (tally === undefined) continue;
      all.join(tally);
      byPhase[phase] = tally.conclude();
    }
    return { all: all.conclude(), byPhase };
  }

  #tallyOf(phase: Phase): DiffTally {
    const known = this.#phases.get(phase);
    if (known !== undefined) return known;
    const fresh = new DiffTally();
    this.#phases.set(phase, fresh);
    return fresh;
  }
}

function addTo(sum: PairedSum, a: number | null, b: number | null): void {
  if (a === null || b === null) return;
  sum.count++;
  sum.a += a;
  sum.b += b;
}

function meanOf({ count, a, b }: PairedSum): Sides<number | null> {
  return count === 0 ? NEITHER : { a: a / count, b: b / count };
}

function toNumber(is: boolean | null): number | null {
  return is === null ? null : Number(is);
}
