// The tokens that two runs have in common, found while the second is read beside the kept columns of the first.
import type { RunEvent } from '../../record/events.ts';
import { promptLabel, type SequenceKey, sequenceId, type TokenRecord } from '../../record/token-record.ts';
import { runsDiffer } from './pair-plans.ts';
import { type RowNumbers, rowNumbersOf } from './row-numbers.ts';
import type { RunColumns, SequenceColumns } from './run-columns.ts';
import type { Sides } from './run-diff.ts';

/** A sequence of both runs, and how far run A's rows are used up. */
export interface PairedSequence {
  readonly key: Sides<SequenceKey>;
  readonly tokensAlone: { a: number; b: number };
  readonly rows: SequenceColumns | undefined;
  next: number;
}

export class TokenPairs {
  readonly #runs: Sides<RunEvent>;
  readonly #ofB: Map<string, PairedSequence>;

  constructor(runs: Sides<RunEvent>, pairs: readonly Sides<SequenceKey>[], columns: RunColumns) {
    this.#runs = runs;
    this.#ofB = new Map(
      pairs.map((key) => [
        sequenceId(key.b),
        { key, tokensAlone: { a: 0, b: 0 }, rows: columns.ofSequence(key.a), next: 0 },
      ]),
    );
  }

  /**
   * Takes the next token of run B; those of a sequence come in rising position, as replay has checked.
   *
   * @returns its sequence and both rows; undefined if run A has none for it.
   * @throws InputError RUNS_DIFFER if the references did not consume the same.
   */
  pairOf(record: TokenRecord, line: string): { sequence: PairedSequence; rows: Sides<RowNumbers> } | undefined {
    const sequence = this.#ofB.get(sequenceId(record));
    if (sequence === undefined) return undefined;
    const { rows, tokensAlone } = sequence;
    const length = rows?.length ?? 0;
    while (sequence.next < length && rows!.positionAt(sequence.next) < record.position) {
      sequence.next++;
      tokensAlone.a++;
    }
    if (sequence.next === length || rows!.positionAt(sequence.next) > record.position) {
      tokensAlone.b++;
      return undefined;
    }
    const pair = { a: rows!.rowAt(sequence.next++), b: rowNumbersOf(record, line) };
    this.#requireSameContext(record, pair);
    return { sequence, rows: pair };
  }

  /** All sequences in the order of run A, once run B has no more tokens. */
  conclude(): PairedSequence[] {
    return Array.from(this.#ofB.values(), (sequence) => {
      const left = (sequence.rows?.length ?? 0) - sequence.next;
      return { ...sequence, tokensAlone: { a: sequence.tokensAlone.a + left, b: sequence.tokensAlone.b } };
    });
  }

  #requireSameContext(key: TokenRecord, { a, b }: Sides<RowNumbers>): void {
    const where = `${key.case} › ${promptLabel(key)}, position ${key.position}`;
    if (a.tokenId !== b.tokenId) {
      throw runsDiffer(this.#runs, `the token of ${where}`, { a: `token ${a.tokenId}`, b: `token ${b.tokenId}` });
    }
    if (a.contextHash !== b.contextHash) {
      throw runsDiffer(this.#runs, `the context of ${where}`, { a: a.contextHash, b: b.contextHash });
    }
  }
}
