// From checkpoint folders, prompts and device to cases that can run.
import { availableParallelism } from 'node:os';
import { createReference, type Precision } from '../../reference/onnx-reference.ts';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/weights.ts';
import type { LogitsSource, TapName } from '../../src/device/logits-source.ts';
import { createKernelMatmulEngine } from '../../src/device/n150/kernels/kernel-matmul-engine.ts';
import { createN150Source } from '../../src/device/n150/n150-source.ts';
import { type EncodedPrompt, encodePrompt, readPrompts, selectPrompts } from '../../src/text/prompts.ts';
import { loadTokenizer, requireVocabulary } from '../../src/text/tokenizer.ts';
import type { DeviceSpec, ReferenceSpec } from './device-spec.ts';
import {
  caseNames,
  type PlannedPrompt,
  requireRunnable,
  type SequenceLimits,
  type WeightsFamily,
  weightsFamily,
} from './plan.ts';
import type { RunCase } from './run-validate.ts';

export interface CaseOptions {
  /** Checkpoint folders, a case each. */
  readonly weights: readonly string[];
  /** Checkpoint of the device alone, beside every reference. */
  readonly deviceWeights?: string;
  /** Prompt file for all cases; without it a recording's own plan, else `defaultPrompts`. */
  readonly prompts?: string;
  /** Prompt file of each family. */
  readonly defaultPrompts: Readonly<Record<WeightsFamily, string>>;
  /** Names of the prompts to run; all without it. */
  readonly only?: readonly string[];
  readonly device: DeviceSpec;
  readonly reference: ReferenceSpec;
  readonly precision: Precision;
  /** Threads of each side; as many as the machine has if absent. */
  readonly threads?: number;
  readonly limits: SequenceLimits;
  /** Taps that both sides can deliver. */
  readonly taps?: readonly TapName[];
}

/** The token that ends a turn in Qwen2's chat template. */
const CHAT_END = '<|im_end|>';

/**
 * Opens checkpoints and tokenizers (headers only), encodes the prompts and refuses what cannot run.
 *
 * @throws UsageError, InputError, UnsupportedError, each naming the file.
 */
export function openCases(options: CaseOptions): RunCase[] {
  const models = options.weights.map((folder) => openModel(folder));
  const names = caseNames(models.map(({ checkpoint, family }) => ({ family, model: checkpoint.name })));
  return models.map((model, i) => {
    const { checkpoint, tokenizer } = model;
    const prompts = planPrompts(model, options);
    const { maxPositionEmbeddings, vocabSize, eosTokenIds } = checkpoint.config;
    requireRunnable(prompts, { model: checkpoint.name, vocabSize, maxPositionEmbeddings }, options.limits);
    return {
      name: names[i]!,
      prompts,
      eosTokenIds,
      tokenizerSha256: tokenizer.sha256,
      textOf: (tokenId) => tokenizer.tokenText(tokenId),
      open: () => openSources(checkpoint, options),
    };
  });
}

interface Model {
  readonly checkpoint: Checkpoint;
  readonly tokenizer: ReturnType<typeof loadTokenizer>;
  readonly family: WeightsFamily;
}

function openModel(folder: string): Model {
  const checkpoint = openCheckpoint(folder);
  const tokenizer = loadTokenizer(folder);
  requireVocabulary(tokenizer, checkpoint.config.vocabSize, checkpoint.name);
  const chatEnd = tokenizer.encode(CHAT_END);
  const chatEndId = chatEnd.length === 1 ? chatEnd[0] : undefined;
  return { checkpoint, tokenizer, family: weightsFamily(checkpoint.name, checkpoint.config.eosTokenIds, chatEndId) };
}

function planPrompts({ checkpoint, tokenizer, family }: Model, options: CaseOptions): PlannedPrompt[] {
  const file = options.prompts ?? options.defaultPrompts[family];
  const all = readPrompts(file);
  const entries = options.only === undefined ? all : selectPrompts(all, options.only);
  const context = { tokenizer, vocabSize: checkpoint.config.vocabSize, path: file };
  return entries.map((entry) => plannedPrompt(encodePrompt(entry, context)));
}

function plannedPrompt({ name, promptIds, continuationIds }: EncodedPrompt): PlannedPrompt {
  return {
    name,
    promptIds: Int32Array.from(promptIds),
    ...(continuationIds === undefined ? {} : { continuationIds: Int32Array.from(continuationIds) }),
  };
}

async function openSources(
  checkpoint: Checkpoint,
  options: CaseOptions,
): Promise<{ reference: LogitsSource; device: LogitsSource }> {
  const reference = await openReference(checkpoint, options);
  try {
    const deviceCheckpoint = options.deviceWeights === undefined ? checkpoint : openCheckpoint(options.deviceWeights);
    return { reference, device: await openDevice(deviceCheckpoint, options) };
  } catch (error) {
    await reference.close();
    throw error;
  }
}

/** The golden side of a case. */
export async function openReference(
  checkpoint: Checkpoint,
  options: Pick<CaseOptions, 'precision' | 'threads' | 'taps' | 'reference'>,
): Promise<LogitsSource> {
  const { precision, threads, taps } = options;
  return createReference(checkpoint, {
    precision,
    ...(threads === undefined ? {} : { threads }),
    ...(taps === undefined ? {} : { taps }),
  });
}

/** The device side of a case; closing it ends its worker threads too. */
export async function openDevice(
  checkpoint: Checkpoint,
  options: Pick<CaseOptions, 'device' | 'threads'>,
): Promise<LogitsSource> {
  const { device } = options;
  if (device.kind === 'capture') throw new Error('capture');
  const threads = device.config.threads || options.threads || availableParallelism();
  const engine = await createKernelMatmulEngine({ threads });
  try {
    const source = await createN150Source(checkpoint, device.config, engine);
    return new OwningSource(source, () => engine.close());
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** A source that closes what it was built on. */
class OwningSource implements LogitsSource {
  readonly info: LogitsSource['info'];
  readonly vocabSize: number;
  private readonly source: LogitsSource;
  private readonly closeRest: () => Promise<void>;

  constructor(source: LogitsSource, closeRest: () => Promise<void>) {
    this.source = source;
    this.closeRest = closeRest;
    this.info = source.info;
    this.vocabSize = source.vocabSize;
  }

  get length(): number {
    return this.source.length;
  }

  feed(...request: Parameters<LogitsSource['feed']>): Promise<void> {
    return this.source.feed(...request);
  }

  truncate(length: number): Promise<void> {
    return this.source.truncate(length);
  }

  async close(): Promise<void> {
    await this.source.close();
    await this.closeRest();
  }
}
