// What the parts of the lens hand to each other: an opened sequence, and one token of it.
import { FIRST_FAILING, FIRST_INVALID, type Spine } from '../lens/lens-format.ts';
import { TOKEN_STATUSES } from '../record/token-record.ts';
import type { Report, Sequence, TokenDetail } from './report.ts';
import { othersOf } from './state.ts';

/** A sequence with what its text and curves need, loaded together. */
export interface OpenedSequence {
  readonly sequence: Sequence;
  readonly spine: Spine;
  readonly textOf: (id: number) => string;
  readonly besides: readonly { readonly sequence: Sequence; readonly spine: Spine }[];
}

/** What every tab of a token gets. */
export interface TokenView {
  readonly report: Report;
  readonly sequence: Sequence;
  readonly spine: Spine;
  readonly textOf: (id: number) => string;
  readonly token: number;
  readonly detail: TokenDetail;
}

export async function loadSequence(report: Report, index: number): Promise<OpenedSequence> {
  const sequence = report.sequences[index]!;
  const besides = othersOf(report, sequence);
  const [spine, textOf, ...spines] = await Promise.all([
    report.spine(sequence),
    report.texts(sequence.of),
    ...besides.map((one) => report.spine(one)),
  ]);
  return { sequence, spine, textOf, besides: besides.map((one, i) => ({ sequence: one, spine: spines[i]! })) };
}

/** A number that does not exist is NaN in a column and null in words. */
export function nullable(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** Of a status, as class and as word: the word is what a screen reader says. */
export function markOf(status: number): { readonly className: string; readonly word: string } {
  if (TOKEN_STATUSES[status] === 'contextDiverged') return { className: 'x', word: 'other context' };
  if (status >= FIRST_INVALID) return { className: 'v', word: 'invalid' };
  if (status >= FIRST_FAILING) return { className: 'f', word: 'fails' };
  return status === 1 ? { className: 't', word: 'near tie' } : { className: '', word: '' };
}
