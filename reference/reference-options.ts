// What can be asked of the reference, and what it says of itself: options with their defaults, taps, and the SourceInfo of its rows.
import { createRequire } from 'node:module';
import { storedAs } from '../src/checkpoint/checkpoint-tensor.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import type { SourceInfo, TapName } from '../src/device/logits-source.ts';
import { nearestName, UsageError } from '../src/errors.ts';
import { defaultThreads, MAXIMUM_THREADS } from '../src/machine.ts';
import { type WeightMemory, weightMemory } from './graph/checkpoint-weights.ts';

/** `fp32` is the golden; `bf16` rounds after each operation as PyTorch does in bfloat16. */
export type Precision = 'fp32' | 'bf16';

/** What activations, KV cache and logits are then called. */
const DTYPE_OF: Readonly<Record<Precision, 'F32' | 'BF16'>> = { fp32: 'F32', bf16: 'BF16' };

export interface ReferenceOptions {
  readonly precision: Precision;
  /**
   * Of mapped weights no bit depends on their number. Of the others the runtime may cut products by it, which changes last bits; one number
   * gives the same bits each time.
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
  /** Tokens that a greedy step computes along, since they may be next (`prompt-lookup.ts`), 15 at most; changes no bit. @default `guessesOf` */
  readonly guesses?: number;
}

/**
 * Raised with every change after which a row of the same weights, tokens and settings may differ in a bit: rows that are kept on disk
 * count for one revision (`revision.test.ts` sees the graphs change).
 */
export const REFERENCE_REVISION = 5;

const DEFAULT_CHUNK = 512;
/** More names than these say less than their number. */
const SHOWN_TAPS = 20;

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

/** Options with their defaults. @throws UsageError `REFERENCE_OPTION`. */
export function settingsOf(
  checkpoint: Checkpoint,
  options: ReferenceOptions,
): Required<Pick<ReferenceOptions, 'threads' | 'chunk' | 'weights'>> {
  return {
    threads: requireCount('threads', options.threads ?? defaultThreads(), MAXIMUM_THREADS),
    chunk: requireCount('chunk', options.chunk ?? DEFAULT_CHUNK),
    weights: options.weights ?? weightMemory(checkpoint),
  };
}

/** @throws UsageError `REFERENCE_TAP` that names what is not known. */
export function requireTaps(asked: readonly TapName[], known: readonly TapName[], subject: string, hint: string): void {
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
