// Opens what computes the reference: graphs that hold a checkpoint's weights, or steps that are fed with them.
import { EMBED_TOKENS, FINAL_NORM, layerOf } from '../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import type { TapName } from '../src/device/logits-source.ts';
import { DecodedProducts } from './decoded-products.ts';
import { BF16_OPERATORS } from './graph/bf16-operators.ts';
import { externalDataFolder, inMemoryFiles, type WeightMemory } from './graph/checkpoint-weights.ts';
import { FP32_OPERATORS } from './graph/fp32-operators.ts';
import type { Operators } from './graph/operators.ts';
import { buildHead, buildStage, stageCount, stageOf } from './graph/qwen2-graph.ts';
import { type GraphRunner, openRunner } from './graph/session.ts';
import { buildSteps } from './graph/step-graphs.ts';
import { ProductLanes } from './product-lanes.ts';
import type { Precision } from './reference-options.ts';
import { StepModel } from './step-model.ts';

/**
 * Of mapped weights. What is widened is still in the third-level cache when it is multiplied. The runtime keeps some 28 KB for each slice, which is
 * what makes memory grow with layers.
 */
export const MAPPED_SLICE_BYTES: number = 8 * 2 ** 20;
/** Alive twice while a session of resident weights opens. */
export const RESIDENT_SLICE_BYTES: number = 64 * 2 ** 20;
/** Steps take their weights as inputs. Graphs of mapped ones are run as they are built; the others may be rearranged, as stages are. */
const STEP_MEMORY = { mapped: 'mapped', streamed: 'resident' } as const;

export const OPERATORS: Readonly<Record<Precision, Operators>> = { fp32: FP32_OPERATORS, bf16: BF16_OPERATORS };

/** Most rows of all sequences in one product: from here on, widening weights takes less than a twentieth of the time. */
export const ROWS_TOGETHER = 512;

export interface RunnerSettings {
  readonly weights: WeightMemory;
  readonly threads: number;
  readonly taps: ReadonlySet<TapName>;
}

/** What computes hidden states and logits: inputs and outputs as of `buildStage`, `buildHead` and the steps of attention. */
export interface ReferenceRunners {
  readonly body: GraphRunner;
  readonly attention: GraphRunner;
  readonly attentionOfOne: GraphRunner;
  readonly head: GraphRunner;
}

/** @throws ReferenceFaultError if ONNX Runtime refuses a graph. */
export async function openRunners(
  checkpoint: Checkpoint,
  operators: Operators,
  settings: RunnerSettings,
): Promise<ReferenceRunners> {
  const { weights, threads } = settings;
  const opened: GraphRunner[] = [];
  try {
    const graphs = buildSteps(checkpoint.config, operators);
    // Scores are hundreds of megabytes where texts are long: room made anew for each layer doubles the time of a pass.
    const steps = { dataFolder: externalDataFolder(checkpoint), weights: 'resident', keepsRoom: true } as const;
    const attention = await openRunner(graphs.attention, { ...steps, threads });
    opened.push(attention);
    // Of one position: too little to wake another thread for, and a product cut in two would be summed in other blocks.
    const attentionOfOne = await openRunner(graphs.attentionOfOne, { ...steps, threads: 1 });
    opened.push(attentionOfOne);
    const bodyAndHead =
      weights === 'resident'
        ? await openStages(checkpoint, operators, settings, opened)
        : await openSteps(checkpoint, operators, weights, settings);
    return { attention, attentionOfOne, ...bodyAndHead };
  } catch (error) {
    for (const runner of opened) await runner.release();
    throw error;
  }
}

type BodyAndHead = Pick<ReferenceRunners, 'body' | 'head'>;

async function openSteps(
  checkpoint: Checkpoint,
  operators: Operators,
  weights: Exclude<WeightMemory, 'resident'>,
  { threads, taps }: RunnerSettings,
): Promise<BodyAndHead> {
  const session = { dataFolder: externalDataFolder(checkpoint), threads, weights: STEP_MEMORY[weights] };
  const products =
    weights === 'mapped'
      ? await ProductLanes.open(checkpoint, operators, threads, MAPPED_SLICE_BYTES)
      : await DecodedProducts.open(checkpoint, operators, session);
  const model = await StepModel.open(checkpoint, operators, session, taps, products).catch(async (error: unknown) => {
    await products.release();
    throw error;
  });
  return {
    body: { run: (feeds) => model.runBody(feeds), release: () => model.release() },
    head: { run: (feeds) => model.runHead(feeds), release: async () => {} },
  };
}

/** @param opened - what is to be released if a later one fails. */
async function openStages(
  checkpoint: Checkpoint,
  operators: Operators,
  { threads, taps }: RunnerSettings,
  opened: GraphRunner[],
): Promise<BodyAndHead> {
  const session = { dataFolder: externalDataFolder(checkpoint), threads, weights: 'resident' } as const;
  const graph = { operators, sliceBytes: RESIDENT_SLICE_BYTES };
  const open = async (model: Uint8Array, isPart: (name: string) => boolean): Promise<GraphRunner> => {
    const runner = await openRunner(model, { ...session, files: inMemoryFiles(checkpoint, isPart) });
    opened.push(runner);
    return runner;
  };
  const head = await open(buildHead(checkpoint, graph), (name) => name === checkpoint.lmHeadName);
  // The runtime keeps what it packed from a branch's weights beside these: so each stage is a session, opened when the one before is packed.
  const stages: GraphRunner[] = [];
  for (let stage = 0; stage < stageCount(checkpoint); stage++) {
    stages.push(
      await open(buildStage(stage, checkpoint, graph, taps), (name) =>
        isOfStage(name, stage, checkpoint.config.layers),
      ),
    );
  }
  return {
    body: {
      run: (feeds) => stages[stageOf(feeds)]!.run(feeds),
      async release() {
        for (const stage of stages) await stage.release();
      },
    },
    head,
  };
}

/** Whether a stage reads a tensor. */
function isOfStage(name: string, stage: number, layers: number): boolean {
  const layer = layerOf(name);
  if (layer === undefined) return name === (stage === 0 ? EMBED_TOKENS : stage === layers ? FINAL_NORM : undefined);
  const isBefore = /input_layernorm|[qkv]_proj/.test(name);
  return layer === (isBefore ? stage : stage - 1);
}
