// The reference: a Qwen2 checkpoint run by ONNX Runtime on the CPU, behind the contract that every logits source keeps.
import { longestSequence } from '../src/checkpoint/config.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import type { FeedRequest, LogitsSource, RowSink, SourceInfo, TapName } from '../src/device/logits-source.ts';
import { allTaps } from '../src/device/taps.ts';
import { InputError, ReferenceFaultError, UsageError } from '../src/errors.ts';
import { DraftedSequence, guessesOf } from './drafted-sequence.ts';
import { JointFeeds } from './joint-feeds.ts';
import { OPERATORS, openRunners } from './open-runners.ts';
import { type ReferenceOptions, referenceInfo, requireTaps, settingsOf } from './reference-options.ts';

/**
 * Opens the reference on a checkpoint; `close` frees it.
 *
 * @throws UsageError for impossible options, ReferenceFaultError if ONNX Runtime refuses the graph.
 */
export async function createReference(checkpoint: Checkpoint, options: ReferenceOptions): Promise<Reference> {
  const { precision, taps = [] } = options;
  requireTaps(taps, allTaps(checkpoint.config.layers), 'The model has no such tap.', 'layers are counted from 0');
  const { threads, chunk, weights } = settingsOf(checkpoint, options);
  const info = await referenceInfo(checkpoint, options);
  const runners = await openRunners(checkpoint, OPERATORS[precision], { weights, threads, taps: new Set(taps) });
  return new Reference({
    checkpoint,
    info,
    taps,
    guesses: options.guesses ?? guessesOf(checkpoint, weights),
    feeds: new JointFeeds(checkpoint, runners, { chunk, taps }),
    release: async () => {
      for (const runner of Object.values(runners)) await runner.release();
    },
  });
}

interface ReferenceParts {
  readonly checkpoint: Checkpoint;
  readonly info: SourceInfo;
  readonly taps: readonly TapName[];
  /** Of a pass of one sequence. */
  readonly guesses: number;
  /** Of all sequences. */
  readonly feeds: JointFeeds;
  readonly release: () => Promise<void>;
}

/** A sequence of the model; made by `createReference`. Not safe for two calls at a time. */
export class Reference implements LogitsSource {
  readonly info: SourceInfo;
  readonly vocabSize: number;
  readonly taps: readonly TapName[];
  readonly #parts: ReferenceParts;
  readonly #checkpoint: Checkpoint;
  readonly #sequence: DraftedSequence;
  #isClosed = false;

  constructor(parts: ReferenceParts) {
    this.#parts = parts;
    this.info = parts.info;
    this.vocabSize = parts.checkpoint.config.vocabSize;
    this.taps = parts.taps;
    this.#checkpoint = parts.checkpoint;
    this.#sequence = new DraftedSequence(parts.checkpoint.config, parts.guesses);
  }

  get length(): number {
    return this.#sequence.length;
  }

  /** Another sequence of the same model, with keys and values of its own; it ends with this one. */
  sequence(): Reference {
    this.#requireOpen();
    return new Reference({ ...this.#parts, release: async () => undefined });
  }

  async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    this.#requireOpen();
    this.#requireFits(tokenIds);
    requireTaps(
      want.taps ?? [],
      this.taps,
      'The reference was created without this tap.',
      'name it in `taps` of createReference',
    );
    await this.#parts.feeds.feed(tokenIds, this.#sequence, want, onRow);
  }

  async truncate(length: number): Promise<void> {
    this.#requireOpen();
    if (!Number.isInteger(length) || length < 0) {
      throw new UsageError('A sequence is cut to a whole number of positions.', {
        code: 'REFERENCE_LENGTH',
        facts: { found: length, wanted: '>= 0' },
      });
    }
    this.#sequence.truncate(length);
  }

  /**
   * The argmax continuation of a prompt, as a new sequence: at most `maxNewTokens` ids, the ending id included.
   *
   * @returns the new token ids; the sequence fed is the prompt and all of them but the last.
   */
  async greedyContinuation(
    prompt: Int32Array,
    maxNewTokens: number,
    eosTokenIds: readonly number[] = this.#checkpoint.config.eosTokenIds,
  ): Promise<Int32Array> {
    await this.truncate(0);
    const continuation: number[] = [];
    let next = prompt;
    while (continuation.length < maxNewTokens) {
      let best = -1;
      await this.feed(next, { rows: 'last' }, ({ logits }) => {
        best = argmax(logits);
      });
      continuation.push(best);
      if (eosTokenIds.includes(best)) break;
      next = Int32Array.of(best);
    }
    return Int32Array.from(continuation);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sequence.truncate(0);
    await this.#parts.release();
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new ReferenceFaultError('The reference is closed.', { code: 'REFERENCE_CLOSED' });
  }

  #requireFits(tokenIds: Int32Array): void {
    const { positions, because } = longestSequence(this.#checkpoint.config);
    const total = this.length + tokenIds.length;
    if (total > positions) {
      throw new InputError('The sequence is longer than the model allows.', {
        code: 'REFERENCE_TOO_LONG',
        facts: { found: `${total} positions`, wanted: `at most ${positions} (${because})` },
        hint: 'shorten the prompt or ask for fewer new tokens',
      });
    }
    const index = tokenIds.findIndex((id) => id < 0 || id >= this.vocabSize);
    if (index >= 0) {
      throw new InputError('A token id is not in the vocabulary.', {
        code: 'REFERENCE_TOKEN_ID',
        facts: { position: this.length + index, found: tokenIds[index]!, wanted: `0 to ${this.vocabSize - 1}` },
        hint: 'check that tokenizer and checkpoint belong together',
      });
    }
  }
}

/** The lowest index of the largest value, as Transformers picks it. */
function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
