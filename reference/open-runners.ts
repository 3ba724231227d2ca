// Opens what computes the reference: two graphs that hold a checkpoint's weights, or steps that are fed with them.
import { EMBED_TOKENS } from '../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import type { TapName } from '../src/device/logits-source.ts';
import { BF16_OPERATORS } from './graph/bf16-operators.ts';
import {
  externalDataFolder,
  type GraphWeightMemory,
  inMemoryFiles,
  type WeightMemory,
} from './graph/checkpoint-weights.ts';
import { FP32_OPERATORS } from './graph/fp32-operators.ts';
import type { Operators } from './graph/operators.ts';
import { buildBody, buildHead, type GraphSettings } from './graph/qwen2-graph.ts';
import { type GraphRunner, openRunner } from './graph/session.ts';
import type { Precision } from './reference-options.ts';
import { StreamedModel } from './streamed-model.ts';

/**
 * Mapped: what is widened is still in the third-level cache when it is multiplied. On a quiet machine with 32 MiB of it, 5 MiB
 * are 1 % faster and 32 MiB 9 % slower; where others use the cores, or these do not share the cache, larger ones would be
 * faster. The runtime keeps some 28 KB for each slice, which is what makes memory grow with layers.
 * Resident: what is alive twice while the session opens.
 */
export const SLICE_BYTES: Readonly<Record<GraphWeightMemory, number>> = { mapped: 8 * 2 ** 20, resident: 64 * 2 ** 20 };
export const OPERATORS: Readonly<Record<Precision, Operators>> = { fp32: FP32_OPERATORS, bf16: BF16_OPERATORS };

export interface RunnerSettings {
  readonly weights: WeightMemory;
  readonly threads: number;
  readonly taps: ReadonlySet<TapName>;
}

/** What computes hidden states and logits, inputs and outputs as of `buildBody` and `buildHead`. */
export interface ReferenceRunners {
  readonly body: GraphRunner;
  readonly head: GraphRunner;
}

/** @throws ReferenceFaultError if ONNX Runtime refuses a graph. */
export async function openRunners(
  checkpoint: Checkpoint,
  operators: Operators,
  { weights, threads, taps }: RunnerSettings,
): Promise<ReferenceRunners> {
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
