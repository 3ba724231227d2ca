// A checkpoint's weights as the N150 holds them: packed linear layers on supply, unpacked biases and norms at hand.
// Source: n150-numerics A.3, C: q, k and v concatenated along the output features, all linears transposed to [K, N].
import { EMBED_TOKENS, layerPrefix } from '../../checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../checkpoint/weights.ts';
import { UsageError } from '../../errors.ts';
import { roundAllToBf16TiesEven } from '../../numerics/bf16.ts';
import { packMatrix, unpackMatrix } from '../wormhole/host-packing.ts';
import type { LoadedMatrix, MatmulEngine } from '../wormhole/matmul-engine.ts';
import { type N150Config, storesFloat32 } from './compute-config.ts';
import { requireFinite } from './finite-weights.ts';
import { planWeights, type WeightPlan } from './weight-cache/memory-plan.ts';
import { openWeightCache } from './weight-cache/weight-cache.ts';
import {
  supplyPackedEachTime,
  supplyResident,
  supplyStreamed,
  type WeightSupply,
} from './weight-cache/weight-supply.ts';
import { concatenate, type LAYER_MATRICES, type WeightUnit, weightUnits } from './weight-cache/weight-units.ts';

/** The vectors of a layer. */
export interface LayerVectors {
  /** [H] BF16. */
  readonly inputLayernorm: Float32Array;
  /** [(Q + 2K) * D], values of `biasFormat`. */
  readonly qkvBias: Float32Array;
  /** [H] BF16. */
  readonly postAttentionLayernorm: Float32Array;
}

/** Vectors and matrices: qkv [H, (Q + 2K) * D], o [Q * D, H], gate and up [H, F], down [F, H]. */
export type LayerWeights = LayerVectors & Readonly<Record<(typeof LAYER_MATRICES)[number], LoadedMatrix>>;

export interface DeviceWeights {
  readonly layerCount: number;
  /** [H] BF16. */
  readonly norm: Float32Array;
  /** Always at hand, whatever becomes of the matrices. */
  vectorsOf(layer: number): LayerVectors;
  /** Runs `use` with a layer's weights, which are good until what it returns has settled. One layer at a time. */
  withLayer<T>(layer: number, use: (weights: LayerWeights) => T | Promise<T>): Promise<T>;
  /** Runs `use` with each slice [H, columns] of the lm_head in order of columns, good during the call only; `after` each is awaited. */
  forHeadSlices(use: (slice: LoadedMatrix, firstColumn: number) => void, after: () => Promise<void>): Promise<void>;
  /** Writes the embedding of one token, [H] BF16, to `out` from `start`. */
  embed(tokenId: number, out: Float32Array, start: number): void;
  /** Gives every matrix back to the engine. */
  release(): Promise<void>;
}

/** Told after each packed layer or slice of the lm_head; the last call has packed = total. What it throws ends the packing. */
export type PackingProgress = (packed: number, total: number) => void;

export interface WeightOptions {
  readonly onPacking?: PackingProgress;
  /** Folder of the packed matrices, without the key of checkpoint and recipe (`openWeightCache`); without it they are packed in memory, each time. */
  readonly weightCache?: string;
  /** Packed weights that may stay in memory; 70 % of the free memory without it. */
  readonly memoryBytes?: number;
  /** Packs a layer whenever it is needed and keeps none: for weights that are asked for a few times, and do not fit. */
  readonly packsEachTime?: boolean;
}

/**
 * Packs the checkpoint's weights, or finds them in the weight cache, and decides whether they stay in the engine.
 *
 * @throws UsageError `WEIGHTS_TOO_LARGE` if they must be streamed and there is no cache to stream from.
 */
export async function loadDeviceWeights(
  checkpoint: Checkpoint,
  config: N150Config,
  engine: MatmulEngine,
  options: WeightOptions = {},
): Promise<DeviceWeights> {
  const layerCount = checkpoint.config.layers;
  const units = weightUnits(checkpoint, config);
  // Vectors first: what is wrong with them need not wait for the packing.
  const vectors = Array.from({ length: layerCount }, (_, layer) => layerVectors(checkpoint, layer, config));
  const norm = readBf16(checkpoint, 'model.norm.weight', config);
  const supply = await openSupply(checkpoint, config, engine, units, options);
  return {
    layerCount,
    norm,
    vectorsOf: (layer) => vectors[layer]!,
    withLayer: (layer, use) =>
      supply.withUnit(layer, ([qkvProj, oProj, gateProj, upProj, downProj]) =>
        use({
          ...vectors[layer]!,
          qkvProj: qkvProj!,
          oProj: oProj!,
          gateProj: gateProj!,
          upProj: upProj!,
          downProj: downProj!,
        }),
      ),
    async forHeadSlices(use, after) {
      let firstColumn = 0;
      for (let unit = layerCount; unit < units.length; unit++) {
        await supply.withUnit(unit, ([slice]) => use(slice!, firstColumn));
        firstColumn += units[unit]![0]!.n;
        await after();
      }
    },
    embed(tokenId, out, start): void {
      // Each time from the file: the page cache keeps what is used, and a whole embedding is gigabytes.
      const row = checkpoint.readRows(EMBED_TOKENS, tokenId, 1);
      const place = { from: checkpoint.name, name: EMBED_TOKENS, columns: row.length, firstRow: tokenId };
      requireFinite(row, place);
      if (!storesFloat32(config)) roundAllToBf16TiesEven(row);
      out.set(row, start);
    },
    release: () => supply.release(),
  };
}

/**
 * Decides whether the packed weights stay in memory; reads nothing but the machine's free memory, so it can be asked before anything is
 * opened.
 *
 * @throws UsageError `WEIGHTS_TOO_LARGE` if they must be streamed and there is no cache to stream from.
 */
export function requireWeightPlan(
  checkpoint: Checkpoint,
  config: N150Config,
  { weightCache, memoryBytes }: WeightOptions,
): WeightPlan {
  const plan = planWeights(weightUnits(checkpoint, config), memoryBytes);
  if (plan.mode === 'resident' || weightCache !== undefined) return plan;
  throw new UsageError(`${checkpoint.name}: the packed weights do not stay in memory, and there is no weight cache.`, {
    code: 'WEIGHTS_TOO_LARGE',
    facts: {
      packed: `${plan.packedBytes} bytes`,
      budget: `${plan.budgetBytes} bytes`,
      streamed: `${plan.memoryBytes} bytes at once`,
    },
    hint: 'give a folder with --weight-cache DIR (or set QWEN_DIR), from which layers are streamed',
  });
}

async function openSupply(
  checkpoint: Checkpoint,
  config: N150Config,
  engine: MatmulEngine,
  units: readonly WeightUnit[],
  options: WeightOptions,
): Promise<WeightSupply> {
  const { onPacking = () => {}, weightCache, packsEachTime = false } = options;
  if (packsEachTime) return supplyPackedEachTime(units, engine);
  const { mode } = requireWeightPlan(checkpoint, config, options);
  const cache = weightCache === undefined ? undefined : await openWeightCache(weightCache, checkpoint, units);
  if (mode === 'resident' || cache === undefined) return supplyResident(units, engine, cache, onPacking);
  await cache.prepare(onPacking);
  return supplyStreamed(units, engine, cache);
}

function layerVectors(checkpoint: Checkpoint, layer: number, config: N150Config): LayerVectors {
  const prefix = layerPrefix(layer);
  return {
    inputLayernorm: readBf16(checkpoint, `${prefix}.input_layernorm.weight`, config),
    qkvBias: loadBias(checkpoint, prefix, config),
    postAttentionLayernorm: readBf16(checkpoint, `${prefix}.post_attention_layernorm.weight`, config),
  };
}

function loadBias(checkpoint: Checkpoint, prefix: string, config: N150Config): Float32Array {
  const bias = concatenate(
    ['q_proj', 'k_proj', 'v_proj'].map((name) => readFinite(checkpoint, `${prefix}.self_attn.${name}.bias`)),
  );
  const options = { format: config.biasFormat, rounding: config.hostBfpRounding };
  return unpackMatrix(packMatrix(bias, 1, bias.length, options));
}

function readBf16(checkpoint: Checkpoint, name: string, config: N150Config): Float32Array {
  const values = readFinite(checkpoint, name);
  if (!storesFloat32(config)) roundAllToBf16TiesEven(values);
  return values;
}

function readFinite(checkpoint: Checkpoint, name: string): Float32Array {
  const values = checkpoint.readFloat32(name);
  requireFinite(values, { from: checkpoint.name, name });
  return values;
}
