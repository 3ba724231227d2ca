// Sequences that end in constant rows: in a recorded batch, padding that no attention_mask told apart.

import { promptLabel, type SequenceKey } from '../record/token-record.ts';
import type { TokenColumns } from './token-columns.ts';

/** Sequences with such an end. */
export interface ConstantTails {
  readonly first: SequenceKey;
  /** Rows of the first one. */
  readonly rows: number;
  readonly sequences: number;
}

/**
 * Null if there are none. A sequence of constant rows alone is none: it has no token that could be followed by padding.
 *
 * @param sequences - tokens in rising position.
 */
export function findConstantTails(
  columns: TokenColumns,
  sequences: readonly { readonly key: SequenceKey; readonly tokens: Int32Array }[],
): ConstantTails | null {
  const tails = sequences.flatMap(({ key, tokens }) => {
    const rows = tokens.length - 1 - tokens.findLastIndex((token) => !columns.isConstantRow(token));
    return rows === 0 || rows === tokens.length ? [] : [{ key, rows }];
  });
  const [first] = tails;
  return first === undefined ? null : { first: first.key, rows: first.rows, sequences: tails.length };
}

export function describeConstantTails({ first, rows, sequences }: ConstantTails): string {
  const label = promptLabel(first);
  const others = sequences - 1;
  const of = rows === 1 ? `the last row of ${label}` : `the last ${rows} rows of ${label}`;
  const more = others === 0 ? '' : ` and the last of ${others} sequence${others === 1 ? '' : 's'} more`;
  const verb = rows === 1 && others === 0 ? 'is' : 'are';
  return `${of}${more} ${verb} constant: padding of a recorded batch? Then give its attention_mask`;
}
