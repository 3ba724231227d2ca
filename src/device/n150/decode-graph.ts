// Qwen2's decode graph on the N150: what happens to a batch of positions, in order.
// Source: n150-numerics C. Every operation is independent per row, so a batch gives the same bits as single positions.
import type { ModelConfig } from '../../checkpoint/config.ts';
import type { TapName } from '../logits-source.ts';
import { createVectorUnit } from '../wormhole/sfpu/vector-unit.ts';
import type { DeviceEngine, LayerAttention } from './attention-engine.ts';
import { coreCounts } from './chip.ts';
import type { N150Config } from './compute-config.ts';
import type { DeviceWeights, LayerWeights } from './device-weights.ts';
import { createAdd, createMultiply, multiplyOnVectorUnit } from './ops/eltwise.ts';
import { matmulOptions } from './ops/matmul-options.ts';
import { createPlainAttention } from './ops/plain-attention.ts';
import { createRmsNorm } from './ops/rms-norm.ts';
import type { RmsNorm } from './ops/rms-norm-row.ts';
import { createRotate } from './ops/rotary.ts';
import { createSteppedTables } from './ops/rotary-step.ts';
import { rotaryFrequencies, writeRotaryTables, type YarnScaling } from './ops/rotary-tables.ts';
import { naturalLogarithm } from './ops/sin-cos.ts';

/** Called with the values [wanted rows, H] of a tap; they are valid only during the call. */
export type TapSink = (tap: TapName, rows: Float32Array) => void;

export interface DecodeGraph {
  /**
   * Runs the layers over the next positions and keeps their keys and values.
   *
   * @param tokenIds - [P].
   * @param firstPosition - position of row 0; positions before it must have been run.
   * @param promptLength - position of the first decode step, where `demoRotOffByOne` acts; undefined for none.
   * @param firstWanted - 0 … P; of the rows before it, the last layer makes keys and values only.
   * @returns [P - firstWanted, H] after the final norm.
   */
  run(
    tokenIds: Int32Array,
    firstPosition: number,
    promptLength: number | undefined,
    firstWanted: number,
    onTap: TapSink,
  ): Promise<Float32Array>;
  /** Logits [rows, V] of rows of the final norm. */
  logits(normed: Float32Array, rows: number): Promise<Float32Array>;
  /** Forgets all positions and gives the memory of their keys and values back. */
  release(): void;
}

export function createDecodeGraph(
  model: ModelConfig,
  config: N150Config,
  weights: DeviceWeights,
  engine: DeviceEngine,
): DecodeGraph {
  const { hiddenSize, intermediateSize, vocabSize, queryHeads, keyValueHeads, headDim } = model;
  const isFloat32 = config.tier === 'fp32';
  const queryWidth = queryHeads * headDim;
  const keyValueWidth = keyValueHeads * headDim;
  const qkvWidth = queryWidth + 2 * keyValueWidth;

  const vectorUnit = createVectorUnit(config);
  const add = createAdd(config);
  const multiply =
    isFloat32 || config.eltwiseMul === 'matrixUnit'
      ? createMultiply(config, config.multiplyFidelity)
      : multiplyOnVectorUnit;
  const cores = coreCounts(model, config.gridRows);
  const layerNorm = createRmsNorm(hiddenSize, cores.layerNorm, config, vectorUnit);
  const finalNorm = createRmsNorm(hiddenSize, cores.finalNorm, config, vectorUnit);
  const rotate = createRotate(headDim, config);
  const frequencies = rotaryFrequencies(headDim, model.ropeTheta, yarnOf(model));
  const writeSteppedTables = createSteppedTables(headDim, frequencies, config);
  const attentions: readonly LayerAttention[] = Array.from(
    { length: weights.layerCount },
    () => engine.openAttention?.(model, config) ?? createPlainAttention(model, config),
  );

  const options = {
    qkv: matmulOptions(config, config.qkvFidelity, 'BF16'),
    o: matmulOptions(config, config.oFidelity, 'BF16'),
    gateUp: matmulOptions(config, config.gateUpFidelity, 'BF16'),
    down: matmulOptions(config, config.downFidelity, 'BF16'),
    lmHead: matmulOptions(config, config.lmHeadFidelity, config.logitsFormat),
  };

  async function run(
    tokenIds: Int32Array,
    firstPosition: number,
    promptLength: number | undefined,
    firstWanted: number,
    onTap: TapSink,
  ): Promise<Float32Array> {
    const rows = tokenIds.length;
    const hidden = new Float32Array(rows * hiddenSize);
    const wanted = hidden.subarray(firstWanted * hiddenSize);
    for (let row = 0; row < rows; row++) weights.embed(tokenIds[row]!, hidden, row * hiddenSize);
    onTap('embed_tokens.out', wanted);

    const tables = rotaryTables(firstPosition, rows, promptLength);
    for (let layer = 0; layer < weights.layerCount; layer++) {
      if (layer !== config.skipLayer) {
        const firstRow = layer === weights.layerCount - 1 ? firstWanted : 0;
        const tap = (branch: 'self_attn' | 'mlp', values: Float32Array): void =>
          onTap(`layers.${layer}.${branch}.out`, values.subarray((firstWanted - firstRow) * hiddenSize));
        await weights.withLayer(layer, (layerWeights) =>
          runLayer(layerWeights, attentions[layer]!, hidden, rows, firstRow, firstPosition, tables, tap),
        );
      }
      onTap(`layers.${layer}.out`, wanted);
    }
    const normed = normRows(finalNorm, wanted, weights.norm, rows - firstWanted);
    onTap('norm.out', normed);
    return normed;
  }

  /** Adds one layer's attention and MLP in place to the rows of `hidden` [P, H] from `firstRow` on; caches keys and values of all. */
  function runLayer(
    layer: LayerWeights,
    layerAttention: LayerAttention,
    hidden: Float32Array,
    rows: number,
    firstRow: number,
    firstPosition: number,
    tables: RotaryTables,
    onTap: (branch: 'self_attn' | 'mlp', values: Float32Array) => void,
  ): void {
    const attended = attention(layer, layerAttention, hidden, rows, firstRow, firstPosition, tables);
    if (firstRow === rows) return;
    onTap('self_attn', attended);
    const fromFirst = hidden.subarray(firstRow * hiddenSize);
    addInPlace(fromFirst, attended);
    const fed = mlp(layer, fromFirst, rows - firstRow);
    onTap('mlp', fed);
    addInPlace(fromFirst, fed);
  }

  /** @returns [P - firstRow, H]. */
  function attention(
    layer: LayerWeights,
    layerAttention: LayerAttention,
    hidden: Float32Array,
    rows: number,
    firstRow: number,
    firstPosition: number,
    tables: RotaryTables,
  ): Float32Array {
    const normed = normRows(layerNorm, hidden, layer.inputLayernorm, rows);
    const qkv = engine.matmul(normed, rows, layer.qkvProj, options.qkv);
    for (let row = 0; row < rows; row++) {
      const start = row * qkvWidth;
      for (let i = 0; i < qkvWidth; i++) qkv[start + i] = add(qkv[start + i]!, layer.qkvBias[i]!);
      for (let head = 0; head < queryHeads + keyValueHeads; head++) {
        rotate(qkv, start + head * headDim, tables.cosines[row]!, tables.sines[row]!);
      }
      layerAttention.write(firstPosition + row, qkv, start + queryWidth, qkv, start + queryWidth + keyValueWidth);
    }
    if (firstRow === rows) return new Float32Array(0);
    const queries = qkv.subarray(firstRow * qkvWidth);
    const attended = layerAttention.attend(queries, qkvWidth, rows - firstRow, firstPosition + firstRow);
    return engine.matmul(attended, rows - firstRow, layer.oProj, options.o);
  }

  function mlp(layer: LayerWeights, hidden: Float32Array, rows: number): Float32Array {
    const normed = normRows(layerNorm, hidden, layer.postAttentionLayernorm, rows);
    const gate = engine.matmul(normed, rows, layer.gateProj, options.gateUp);
    const up = engine.matmul(normed, rows, layer.upProj, options.gateUp);
    for (let i = 0; i < rows * intermediateSize; i++) gate[i] = multiply(vectorUnit.silu(gate[i]!), up[i]!);
    return engine.matmul(gate, rows, layer.downProj, options.down);
  }

  /** Residual addition; the residual stream is operand 0. */
  function addInPlace(hidden: Float32Array, branch: Float32Array): void {
    for (let i = 0; i < hidden.length; i++) hidden[i] = add(hidden[i]!, branch[i]!);
  }

  function normRows(norm: RmsNorm, hidden: Float32Array, gamma: Float32Array, rows: number): Float32Array {
    const normed = new Float32Array(rows * hiddenSize);
    for (let row = 0; row < rows; row++) {
      norm(hidden, row * hiddenSize, gamma, normed.subarray(row * hiddenSize, (row + 1) * hiddenSize));
    }
    return normed;
  }

  function rotaryTables(firstPosition: number, rows: number, promptLength: number | undefined): RotaryTables {
    const table = (): Float32Array[] => Array.from({ length: rows }, () => new Float32Array(headDim / 2));
    const tables = { cosines: table(), sines: table() };
    for (let row = 0; row < rows; row++) {
      const position = firstPosition + row;
      const rotated = position + config.ropePositionOffset;
      if (config.demoRotOffByOne && position === promptLength) {
        writeSteppedTables(rotated - 1, tables.cosines[row]!, tables.sines[row]!);
      } else {
        writeRotaryTables(frequencies, rotated, isFloat32, tables.cosines[row]!, tables.sines[row]!);
      }
    }
    return tables;
  }

  async function logits(normed: Float32Array, rows: number): Promise<Float32Array> {
    const whole = new Float32Array(rows * vocabSize);
    await weights.forHeadSlices((slice, firstColumn) => {
      const part = engine.matmul(normed, rows, slice, options.lmHead);
      for (let row = 0; row < rows; row++) {
        whole.set(part.subarray(row * slice.n, (row + 1) * slice.n), row * vocabSize + firstColumn);
      }
    });
    return whole;
  }

  function release(): void {
    for (const layerAttention of attentions) layerAttention.release();
  }

  return { run, logits, release };
}

/** Rows of [D/2] for each position of a batch. */
interface RotaryTables {
  readonly cosines: readonly Float32Array[];
  readonly sines: readonly Float32Array[];
}

/** YaRN with its table factor worked out as Hugging Face does. */
function yarnOf({ ropeScaling }: ModelConfig): YarnScaling | undefined {
  if (ropeScaling === undefined) return undefined;
  const { factor, mscale, mscaleAllDim } = ropeScaling;
  const magnitude = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * naturalLogarithm(factor) + 1);
  const fromMscale =
    mscale !== undefined && mscaleAllDim !== undefined && mscale !== 0 && mscaleAllDim !== 0
      ? magnitude(mscale) / magnitude(mscaleAllDim)
      : magnitude(1);
  return {
    factor,
    originalMaxPositions: ropeScaling.originalMaxPositionEmbeddings,
    betaFast: ropeScaling.betaFast,
    betaSlow: ropeScaling.betaSlow,
    truncate: ropeScaling.truncate,
    attentionFactor: ropeScaling.attentionFactor ?? fromMscale,
  };
}
