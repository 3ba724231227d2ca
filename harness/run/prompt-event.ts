// The line that closes a prompt on a variant: how it ended, what was planned and judged of it, or why it could not be.
import { ComparisonInvalidError, type QwenPccError } from '../../src/errors.ts';
import type { PromptEvent } from '../record/events.ts';
import { type PromptSpec, type SequenceLimits, tokensPlannedMax } from '../record/run-spec.ts';
import type { SequenceOutcome } from '../sequence/sequence.ts';
import { describeFailure } from './describe-failure.ts';
import type { SequenceRows } from './sequence-rows.ts';

/** Of either mode; free running may part. */
export type Outcome = SequenceOutcome & { readonly divergencePosition?: number | undefined };

/** Rows that were recorded behind the end of the text: a plan that leaves them out judges less than it says. */
export function notReached({ name, positions }: PromptSpec, outcome: Outcome | undefined): QwenPccError | undefined {
  const last = positions?.at(-1);
  if (outcome === undefined || last === undefined || last < outcome.tokenIds.length) return undefined;
  return new ComparisonInvalidError(`prompt "${name}": the text ended before the last row that was to be judged.`, {
    code: 'ROWS_NOT_REACHED',
    facts: {
      'last row': `position ${last}`,
      ended: `by ${outcome.stopReason} after ${outcome.tokenIds.length} positions`,
    },
    hint: 'leave --prompts out: a recording brings its own plan and tokens.',
  });
}

/** @param outcome - undefined, or beside an error, for a prompt that could not be compared. */
export function promptEvent(
  rows: SequenceRows,
  contextHash: string,
  prompt: PromptSpec,
  limits: SequenceLimits,
  outcome: Outcome | undefined,
  error: unknown,
): PromptEvent {
  const base = { event: 'prompt', ...rows.key } as const;
  const seen = { judged: rows.count, contextHash, rowsSha256: rows.sha256 };
  if (error !== undefined || outcome === undefined) {
    const planned = tokensPlannedMax(prompt, limits);
    return {
      ...base,
      stop: 'failed',
      length: rows.count,
      planned,
      ...seen,
      divergence: null,
      failure: describeFailure(error),
      texts: rows.texts,
    };
  }
  const length = outcome.tokenIds.length;
  const { divergencePosition, stopReason: stop } = outcome;
  const planned = prompt.positions?.length ?? divergencePosition ?? length;
  const divergence =
    divergencePosition === undefined
      ? null
      : { position: divergencePosition, tokensAfter: length - divergencePosition };
  return { ...base, stop, length, planned, ...seen, divergence, failure: null, texts: rows.texts };
}
