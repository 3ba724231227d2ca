// The reference: a Qwen2 checkpoint run by ONNX Runtime on the CPU, behind the contract that every logits source keeps.
import { longestSequence } from '../src/checkpoint/config.ts';
import { requireFiniteWeights } from '../src/checkpoint/not-finite.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import type { FeedRequest, LogitsSource, RowSink, SourceInfo, TapName } from '../src/device/logits-source.ts';
import { allTaps, tapWidth } from '../src/device/taps.ts';
import { InputError, ReferenceFaultError, UsageError } from '../src/errors.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import { BODY_IO, HEAD_IO } from './graph/qwen2-graph.ts';
import type { GraphRunner, Tensors } from './graph/session.ts';
import { KvCache } from './kv-cache.ts';
import { OPERATORS, openRunners, type ReferenceRunners } from './open-runners.ts';
import { type ReferenceOptions, referenceInfo, requireTaps, settingsOf } from './reference-options.ts';
import { type RotaryFrequencies, rotaryFrequencies, rotaryTables } from './rotary.ts';

/** Attention scores of one pass are [Q, P, S] float32; P is cut so that they stay within this. */
const SCORE_BYTES_MAX = 128 * 2 ** 20;
/** Logits made at a time. */
const LOGITS_BYTES_MAX = 32 * 2 ** 20;
const FLOAT32_BYTES = 4;
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
  const { body, head } = await openRunners(checkpoint, OPERATORS[precision], { weights, threads, taps: new Set(taps) });
  return new Reference(checkpoint, { info, body, head, chunk, taps });
}

interface ReferenceParts extends ReferenceRunners {
  readonly info: SourceInfo;
  readonly chunk: number;
  readonly taps: readonly TapName[];
}

/** Made by `createReference`. Not safe for two calls at a time. */
export class Reference implements LogitsSource {
  readonly info: SourceInfo;
  readonly vocabSize: number;
  readonly taps: readonly TapName[];
  readonly #checkpoint: Checkpoint;
  readonly #body: GraphRunner;
  readonly #head: GraphRunner;
  readonly #chunk: number;

  readonly #frequencies: RotaryFrequencies;
  readonly #cache: KvCache;
  #isClosed = false;
  #weightsAreFinite = false;

  constructor(checkpoint: Checkpoint, { info, body, head, chunk, taps }: ReferenceParts) {
    this.info = info;
    this.vocabSize = checkpoint.config.vocabSize;
    this.#checkpoint = checkpoint;
    this.#body = body;
    this.#head = head;
    this.#chunk = chunk;
    this.taps = taps;
    this.#frequencies = rotaryFrequencies(checkpoint.config);
    this.#cache = new KvCache(checkpoint.config);
  }

  get length(): number {
    return this.#cache.length;
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
    for (let start = 0; start < tokenIds.length; ) {
      const count = Math.min(this.#passLength(), tokenIds.length - start);
      const pass = tokenIds.subarray(start, start + count);
      const firstPosition = this.length;
      const outputs = await this.#runBody(pass);
      start += count;
      const isLast = start === tokenIds.length;
      if (want.rows === 'all') await this.#handOut(pass, firstPosition, 0, outputs, want, onRow);
      else if (want.rows === 'last' && isLast) {
        await this.#handOut(pass, firstPosition, count - 1, outputs, want, onRow);
      }
    }
  }

  async truncate(length: number): Promise<void> {
    this.#requireOpen();
    if (!Number.isInteger(length) || length < 0) {
      throw new UsageError('A sequence is cut to a whole number of positions.', {
        code: 'REFERENCE_LENGTH',
        facts: { found: length, wanted: '>= 0' },
      });
    }
    this.#cache.truncate(length);
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
    await this.#body.release();
    await this.#head.release();
  }

  /** Positions of the next pass: as many as the chunk and the memory for attention scores allow. */
  #passLength(): number {
    const bytesPerScoreRow = this.#checkpoint.config.queryHeads * FLOAT32_BYTES;
    const scores = SCORE_BYTES_MAX / bytesPerScoreRow;
    // P * (length + P) <= scores.
    const affordable = Math.floor((Math.sqrt(this.length ** 2 + 4 * scores) - this.length) / 2);
    return Math.max(1, Math.min(this.#chunk, affordable));
  }

  async #runBody(tokenIds: Int32Array): Promise<Tensors> {
    const { headDim } = this.#checkpoint.config;
    const { cos, sin } = rotaryTables(this.#frequencies, this.length, tokenIds.length);
    const tableShape = [1, tokenIds.length, headDim / 2];
    const outputs = await this.#body.run({
      [BODY_IO.tokenIds]: new Tensor('int64', BigInt64Array.from(tokenIds, BigInt), [tokenIds.length]),
      [BODY_IO.cos]: new Tensor('float32', cos, tableShape),
      [BODY_IO.sin]: new Tensor('float32', sin, tableShape),
      ...this.#cache.feeds(),
    });
    this.#cache.replace(outputs, this.length + tokenIds.length);
    return outputs;
  }

  /** Makes logits for the pass's rows from `firstRow` on, a few at a time, and hands them out. */
  async #handOut(
    tokenIds: Int32Array,
    firstPosition: number,
    firstRow: number,
    outputs: Tensors,
    want: FeedRequest,
    onRow: RowSink,
  ): Promise<void> {
    const { config } = this.#checkpoint;
    const { hiddenSize } = config;
    const V = this.vocabSize;
    const hidden = float32Of(outputs, BODY_IO.hidden);
    const tapRows = (want.taps ?? []).map((name) => [name, float32Of(outputs, name), tapWidth(name, config)] as const);
    const rowsAtOnce = Math.max(1, Math.floor(LOGITS_BYTES_MAX / (V * FLOAT32_BYTES)));
    for (let first = firstRow; first < tokenIds.length; first += rowsAtOnce) {
      const rows = Math.min(rowsAtOnce, tokenIds.length - first);
      const part = hidden.subarray(first * hiddenSize, (first + rows) * hiddenSize);
      const made = await this.#head.run({ [HEAD_IO.hidden]: new Tensor('float32', part, [rows, hiddenSize]) });
      const logits = float32Of(made, HEAD_IO.logits);
      this.#explainNotFinite(logits);
      for (let i = 0; i < rows; i++) {
        const row = first + i;
        await onRow({
          position: firstPosition + row,
          tokenId: tokenIds[row]!,
          logits: logits.subarray(i * V, (i + 1) * V),
          taps: new Map(
            tapRows.map(([name, values, width]) => [name, values.subarray(row * width, (row + 1) * width)]),
          ),
        });
      }
    }
  }

  /** Logits that are no numbers are handed on to be judged, unless weights are the cause: then their names say more. */
  #explainNotFinite(logits: Float32Array): void {
    if (this.#weightsAreFinite || logits.every(Number.isFinite)) return;
    requireFiniteWeights(this.#checkpoint);
    this.#weightsAreFinite = true;
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

function float32Of(outputs: Tensors, name: string): Float32Array {
  return outputs[name]!.data as Float32Array;
}
