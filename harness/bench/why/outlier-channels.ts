// Outlier channels that change nothing: a channel scaled up in one matrix and down in the next, so that the function is the same and
// only formats with shared exponents lose by it. Factors are powers of two: in bfloat16 and float32 the model keeps every bit of it.
import { layerPrefix } from '../../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../../src/checkpoint/weights.ts';
import { BLOCK_LENGTH } from '../../../src/numerics/block-float.ts';
import { editedCheckpoint } from './edited-checkpoint.ts';

export interface OutlierRecipe {
  readonly id: string;
  /** The knobs of the formats that lose by it: one of them must be the first to heal. */
  readonly formats: readonly string[];
  readonly apply: (checkpoint: Checkpoint, factor: number, random: () => number) => Checkpoint;
}

type Edits = Record<string, (values: Float32Array, shape: readonly number[]) => void>;

export const OUTLIER_RECIPES: readonly OutlierRecipe[] = [
  {
    id: 'up and down: a channel of each block of 16 of the MLP',
    formats: ['weightFormat'],
    apply: (checkpoint, factor, random) =>
      inEveryLayer(checkpoint, (prefix, { intermediateSize }) => {
        const first = Math.floor(random() * BLOCK_LENGTH);
        const channels = Array.from({ length: intermediateSize / BLOCK_LENGTH }, (_, i) => first + i * BLOCK_LENGTH);
        const each =
          (scale: (channel: number) => Edits[string]): Edits[string] =>
          (values, shape) => {
            for (const channel of channels) scale(channel)!(values, shape);
          };
        return {
          [`${prefix}.mlp.up_proj.weight`]: each((channel) => scaleRow(channel, factor)),
          [`${prefix}.mlp.down_proj.weight`]: each((channel) => scaleColumn(channel, 1 / factor)),
        };
      }),
  },
  {
    id: 'v and o: a channel of a head of values',
    formats: ['weightFormat', 'kvFormat', 'biasFormat'],
    apply: (checkpoint, factor, random) =>
      inEveryLayer(checkpoint, (prefix, { queryHeads, keyValueHeads, headDim }) => {
        const channel = Math.floor(random() * keyValueHeads * headDim);
        const group = queryHeads / keyValueHeads;
        const [head, inHead] = [Math.floor(channel / headDim), channel % headDim];
        const down = Array.from({ length: group }, (_, i) =>
          scaleColumn((head * group + i) * headDim + inHead, 1 / factor),
        );
        return {
          [`${prefix}.self_attn.v_proj.weight`]: scaleRow(channel, factor),
          [`${prefix}.self_attn.v_proj.bias`]: scaleRow(channel, factor),
          [`${prefix}.self_attn.o_proj.weight`]: (values, shape) => {
            for (const scale of down) scale(values, shape);
          },
        };
      }),
  },
  {
    id: 'k and q: a rotated pair of a head of keys',
    formats: ['kvFormat', 'weightFormat', 'biasFormat'],
    apply: (checkpoint, factor, random) =>
      inEveryLayer(checkpoint, (prefix, { queryHeads, keyValueHeads, headDim }) => {
        const pair = Math.floor(random() * (headDim / 2));
        const channels = (heads: number): number[] =>
          Array.from({ length: heads }, (_, head) => [
            head * headDim + pair,
            head * headDim + pair + headDim / 2,
          ]).flat();
        const scaled = (rows: readonly number[], by: number) => (values: Float32Array, shape: readonly number[]) => {
          for (const row of rows) scaleRow(row, by)(values, shape);
        };
        return {
          [`${prefix}.self_attn.k_proj.weight`]: scaled(channels(keyValueHeads), factor),
          [`${prefix}.self_attn.k_proj.bias`]: scaled(channels(keyValueHeads), factor),
          [`${prefix}.self_attn.q_proj.weight`]: scaled(channels(queryHeads), 1 / factor),
          [`${prefix}.self_attn.q_proj.bias`]: scaled(channels(queryHeads), 1 / factor),
        };
      }),
  },
];

function inEveryLayer(
  checkpoint: Checkpoint,
  editsOf: (prefix: string, config: Checkpoint['config']) => Edits,
): Checkpoint {
  const { config } = checkpoint;
  const edits = Array.from({ length: config.layers }, (_, layer) => editsOf(layerPrefix(layer), config));
  return editedCheckpoint(checkpoint, Object.assign({}, ...edits));
}

/** Of a matrix [rows, columns], or of a vector its element. */
function scaleRow(row: number, factor: number): Edits[string] {
  return (values, [rows]) => {
    const width = values.length / rows!;
    for (let i = row * width; i < (row + 1) * width; i++) values[i]! *= factor;
  };
}

function scaleColumn(column: number, factor: number): Edits[string] {
  return (values, [, columns]) => {
    for (let i = column; i < values.length; i += columns!) values[i]! *= factor;
  };
}
