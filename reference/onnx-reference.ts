// The reference: a Qwen2 checkpoint run by ONNX Runtime on the CPU, behind the contract that every logits source keeps.
import { createRequire } from 'node:module';
import { storedAs } from '../src/checkpoint/checkpoint-tensor.ts';
import { longestSequence } from '../src/checkpoint/config.ts';
import { requireFiniteWeights } from '../src/checkpoint/not-finite.ts';
import { EMBED_TOKENS } from '../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import type { FeedRequest, LogitsSource, RowSink, SourceInfo, TapName } from '../src/device/logits-source.ts';
import { allTaps, tapWidth } from '../src/device/taps.ts';
import { InputError, nearestName, ReferenceFaultError, UsageError } from '../src/errors.ts';
import { defaultThreads, MAXIMUM_THREADS } from '../src/machine.ts';
import { BF16_OPERATORS } from './graph/bf16-operators.ts';
import {
  externalDataFolder,
  type GraphWeightMemory,
  inMemoryFiles,
  type WeightMemory,
  weightMemory,
} from './graph/checkpoint-weights.ts';
import { FP32_OPERATORS } from './graph/fp32-operators.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import type { Operators } from './graph/operators.ts';
import { BODY_IO, buildBody, buildHead, type GraphSettings, HEAD_IO } from './graph/qwen2-graph.ts';
import { type GraphRunner, openRunner, type Tensors } from './graph/session.ts';
import { KvCache } from './kv-cache.ts';
import { type RotaryFrequencies, rotaryFrequencies, rotaryTables } from './rotary.ts';
import { StreamedModel } from './streamed-model.ts';

/** `fp32` is the golden; `bf16` rounds after each operation as PyTorch does in bfloat16. */
export type Precision = 'fp32' | 'bf16';

/** What activations, KV cache and logits are then called. */
const DTYPE_OF: Readonly<Record<Precision, 'F32' | 'BF16'>> = { fp32: 'F32', bf16: 'BF16' };

export interface ReferenceOptions {
  readonly precision: Precision;
  /**
   * Their number decides how the runtime cuts the products of mapped weights, and so the last bits of the logits (2e-6 of their range
   * between 1 and 4 threads, 4 layers of Qwen2-0.5B); one number gives the same bits each time.
   *
   * @default `defaultThreads()`
   */
  readonly threads?: number;
  /** Most positions of one pass; long contexts make it smaller. @default 512 */
  readonly chunk?: number;
  /** The taps that rows can carry. @default none */
  readonly taps?: readonly TapName[];
  /** @default `resident` if the weights take at most 1 GiB as float32 (4 GiB if they are to be decoded), else `mapped` (`streamed`) */
  readonly weights?: WeightMemory;
}

/**
 * Raised with every change after which a row of the same weights, tokens and settings may differ in a bit: rows that are kept on disk
 * count for one revision (`revision.test.ts` sees the graphs change).
 */
export const REFERENCE_REVISION = 1;

/** Attention scores of one pass are [Q, P, S] float32; P is cut so that they stay within this. */
const SCORE_BYTES_MAX = 128 * 2 ** 20;
/** Logits made at a time. */
const LOGITS_BYTES_MAX = 32 * 2 ** 20;
/**
 * Mapped: what is widened is still in the third-level cache when it is multiplied. On a quiet machine with 32 MiB of it, 5 MiB
 * are 1 % faster and 32 MiB 9 % slower; where others use the cores, or these do not share the cache, larger ones would be
 * faster. The runtime keeps some 28 KB for each slice, which is what makes memory grow with layers.
 * Resident: what is alive twice while the session opens.
 */
export const SLICE_BYTES: Readonly<Record<GraphWeightMemory, number>> = { mapped: 8 * 2 ** 20, resident: 64 * 2 ** 20 };
const DEFAULT_CHUNK = 512;
const FLOAT32_BYTES = 4;
/** More names than these say less than their number. */
const SHOWN_TAPS = 20;
export const OPERATORS: Readonly<Record<Precision, Operators>> = { fp32: FP32_OPERATORS, bf16: BF16_OPERATORS };

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

/**
 * What a reference says of itself once it is open; nothing is opened for it.
 *
 * @throws UsageError for impossible options.
 */
export async function referenceInfo(checkpoint: Checkpoint, options: ReferenceOptions): Promise<SourceInfo> {
  const { precision } = options;
  const { threads, chunk, weights } = settingsOf(checkpoint, options);
  const dtype = DTYPE_OF[precision];
  return {
    kind: 'reference',
    label: `ONNX Runtime reference, ${precision}`,
    model: checkpoint.name,
    weightsSha256: await checkpoint.sha256(),
    configSha256: checkpoint.configSha256,
    dtypes: { weights: storedDtypes(checkpoint), activations: dtype, kvCache: dtype, logits: dtype },
    logitsFormat: dtype,
    settings: { onnxruntime: runtimeVersion(), precision, threads, chunk, weightMemory: weights },
  };
}

function settingsOf(
  checkpoint: Checkpoint,
  options: ReferenceOptions,
): Required<Pick<ReferenceOptions, 'threads' | 'chunk' | 'weights'>> {
  return {
    threads: requireCount('threads', options.threads ?? defaultThreads(), MAXIMUM_THREADS),
    chunk: requireCount('chunk', options.chunk ?? DEFAULT_CHUNK),
    weights: options.weights ?? weightMemory(checkpoint),
  };
}

interface RunnerSettings {
  readonly weights: WeightMemory;
  readonly threads: number;
  readonly taps: ReadonlySet<TapName>;
}

/** Body and head: two graphs that hold the weights, or steps that are fed with them. */
async function openRunners(
  checkpoint: Checkpoint,
  operators: Operators,
  { weights, threads, taps }: RunnerSettings,
): Promise<Pick<ReferenceParts, 'body' | 'head'>> {
  const session = { dataFolder: externalDataFolder(checkpoint), threads };
  if (weights === 'streamed') {
    const model = await StreamedModel.open(checkpoint, operators, { ...session, weights: 'resident' }, taps);
    return {
      body: { run: (feeds) => model.runBody(feeds), release: () => model.release() },
      head: { run: (feeds) => model.runHead(feeds), release: async () => {} },
    };
  }
  const graph: GraphSettings = { operators, weights, sliceBytes: SLICE_BYTES[weights] };
  const isOfHead = (name: string): boolean => name === checkpoint.lmHeadName;
  const body = await openRunner(buildBody(checkpoint, graph, taps), {
    ...session,
    weights,
    files: inMemoryFiles(checkpoint, (name) => !isOfHead(name) || name === EMBED_TOKENS),
  });
  try {
    const files = inMemoryFiles(checkpoint, isOfHead);
    return { body, head: await openRunner(buildHead(checkpoint, graph), { ...session, weights, files }) };
  } catch (error) {
    await body.release();
    throw error;
  }
}

interface ReferenceParts {
  readonly info: SourceInfo;
  readonly body: GraphRunner;
  readonly head: GraphRunner;
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

function requireTaps(asked: readonly TapName[], known: readonly TapName[], subject: string, hint: string): void {
  const absent = asked.filter((name) => !known.includes(name));
  if (absent.length === 0) return;
  const nearest = nearestName(absent[0]!, known);
  throw new UsageError(subject, {
    code: 'REFERENCE_TAP',
    facts: {
      found: absent.join(', '),
      wanted: known.length > SHOWN_TAPS ? `one of ${known.length}` : known.join(', ') || 'none',
    },
    hint: nearest === undefined ? hint : `did you mean ${nearest}?`,
  });
}

function requireCount(name: string, value: number, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new UsageError(`The reference's ${name} must be a whole number.`, {
    code: 'REFERENCE_OPTION',
    facts: { found: value, wanted: `1 to ${most}` },
  });
}

function storedDtypes(checkpoint: Checkpoint): string {
  return [...new Set([...checkpoint.tensors.values()].map(storedAs))].sort().join('+');
}

function runtimeVersion(): string {
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return version;
}
