// Which recorded sequence is being replayed: found by the prompt's name, then held to its tokens.
import { ComparisonInvalidError } from '../../errors.ts';
import { printable } from '../../text/printable.ts';
import type { FeedRequest } from '../logits-source.ts';
import type { RecordedPrompt } from './recorded-prompt.ts';
import type { Recording } from './recording.ts';

/** The sequence that is being fed: which recorded ones it still may be. */
export class ReplayedSequence {
  readonly #recording: Recording;
  readonly #fed: number[] = [];
  /** Those of the name that the first feed gave. */
  #entries: readonly RecordedPrompt[] | undefined;
  /** Those of them that have the tokens fed. */
  #candidates: readonly RecordedPrompt[] = [];

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  get length(): number {
    return this.#fed.length;
  }

  append(tokenIds: Int32Array, { prompt, user }: FeedRequest): void {
    const before = this.#fed.length;
    if (this.#entries === undefined) this.#candidates = this.#entries = requireEntries(this.#recording, prompt, user);
    const fitting = this.#candidates.filter(
      ({ inputIds }) => commonLength(inputIds, tokenIds, before) === tokenIds.length,
    );
    if (fitting.length === 0) throw this.#otherTokens(this.#candidates, [...this.#fed, ...tokenIds]);
    this.#candidates = fitting;
    for (const tokenId of tokenIds) this.#fed.push(tokenId);
  }

  /** What begins alike may be meant again. */
  truncate(length: number): void {
    this.#fed.length = Math.min(this.#fed.length, length);
    this.#candidates = (this.#entries ?? []).filter(
      ({ inputIds }) => commonLength(inputIds, this.#fed, 0) === this.#fed.length,
    );
  }

  /** @throws ComparisonInvalidError RECORDING_AMBIGUOUS when the tokens fit several. */
  only(): RecordedPrompt {
    const [only, ...others] = this.#candidates;
    if (only !== undefined && others.length === 0) return only;
    throw invalid(
      this.#recording,
      'AMBIGUOUS',
      'several recorded prompts have these tokens, and none is asked for by name',
      { candidates: namesOf(this.#candidates), tokens: this.#fed.length },
      'plan with the names of the recording: run without --prompts, or give the prompts the same names.',
    );
  }

  #otherTokens(candidates: readonly RecordedPrompt[], context: readonly number[]): ComparisonInvalidError {
    const recording = this.#recording;
    let nearest = candidates[0]!;
    let agreeing = -1;
    for (const candidate of candidates) {
      const same = commonLength(candidate.inputIds, context, 0);
      if (same <= agreeing) continue;
      agreeing = same;
      nearest = candidate;
    }
    if (agreeing === nearest.inputIds.length) {
      return invalid(
        recording,
        'TOO_SHORT',
        `prompt "${nearest.name}" ends before the plan does`,
        { recorded: `${nearest.inputIds.length} tokens`, wanted: `${context.length} tokens or more` },
        'record the whole plan, or run without --prompts to take the plan from the recording.',
      );
    }
    return invalid(
      recording,
      'TOKENS',
      `the recording is of other tokens than the plan (prompt "${nearest.name}")`,
      {
        'first differing position': agreeing,
        recorded: `token id ${nearest.inputIds[agreeing]}`,
        plan: `token id ${context[agreeing]}`,
      },
      'record the plan anew, or run without --prompts to take the plan from the recording.',
    );
  }
}

/** The recorded sequences that a name may mean; none for a name that the recording does not have. */
export function entriesFor(
  { prompts, find }: Recording,
  prompt: string | undefined,
  user: number | undefined,
): readonly RecordedPrompt[] {
  if (prompt === undefined) return prompts;
  const entry = find(prompt, user);
  if (entry !== undefined) return [entry];
  // A file of one prompt that has no name of its own is called after the file; no plan can know that.
  return prompts.filter((one) => !one.isNamed && one.user === (user ?? 0));
}

/** @throws ComparisonInvalidError RECORDING_PROMPT for a name that the recording does not have. */
function requireEntries(
  recording: Recording,
  prompt: string | undefined,
  user: number | undefined,
): readonly RecordedPrompt[] {
  const entries = entriesFor(recording, prompt, user);
  if (entries.length > 0) return entries;
  const asked = `"${printable(prompt ?? '')}"${user === undefined || user === 0 ? '' : ` of user ${user}`}`;
  throw invalid(
    recording,
    'PROMPT',
    `the recording has no prompt ${asked}`,
    { recorded: namesOf(recording.prompts) },
    'give the prompts of the plan the names of the recording, or run without --prompts to take the plan from it.',
  );
}

/** How many tokens of `fed` are those of `recorded` from `at` on. */
function commonLength(recorded: Int32Array, fed: ArrayLike<number>, at: number): number {
  let same = 0;
  while (same < fed.length && at + same < recorded.length && recorded[at + same] === fed[same]) same++;
  return same;
}

function namesOf(prompts: readonly RecordedPrompt[]): string {
  const names = prompts.map(({ name }) => name);
  return names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more` : names.join(', ');
}

/** A ComparisonInvalidError `RECORDING_<code>`: the recording is whole, but it is of something else. */
export function invalid(
  recording: Recording,
  code: string,
  what: string,
  facts: Readonly<Record<string, string | number>>,
  hint?: string,
): ComparisonInvalidError {
  return new ComparisonInvalidError(`${printable(recording.name)}: ${what}.`, {
    code: `RECORDING_${code}`,
    facts,
    ...(hint === undefined ? {} : { hint }),
  });
}
