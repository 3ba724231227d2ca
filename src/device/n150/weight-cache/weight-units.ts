// What of a checkpoint is packed, in the order it is used: five matrices a layer, then the lm_head in slices of columns.
// Source: n150-numerics E: base names, the lm_head's slices of 32,064 outputs.
import type { CheckpointTensor } from '../../../checkpoint/checkpoint-tensor.ts';
import { layerPrefix } from '../../../checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../../checkpoint/weights.ts';
import { packedBytes } from '../../../tensor/tile-layout.ts';
import type { PackOptions } from '../../wormhole/host-packing.ts';
import type { N150Config } from '../compute-config.ts';

/** Outputs of one lm_head slice: a multiple of 32, so that no tile and no group of 16 is cut. */
const HEAD_SLICE_COLUMNS = 32_064;

/** Rows of a tensor of the checkpoint, by its name there. */
export interface WeightPart {
  readonly name: string;
  readonly tensor: CheckpointTensor;
  readonly firstRow: number;
  readonly rows: number;
}

/** One packed matrix [K, N] and what it is made of. */
export interface WeightRecipe extends PackOptions {
  /** The original's name of the tensor, without mesh and format. */
  readonly baseName: string;
  readonly k: number;
  readonly n: number;
  /** Rows of K weights, one after the other: the matrix transposed. */
  readonly parts: readonly WeightPart[];
}

/** Matrices that are loaded and dropped together. */
export type WeightUnit = readonly WeightRecipe[];

/** Order of the matrices in a layer's unit. */
export const LAYER_MATRICES = ['qkvProj', 'oProj', 'gateProj', 'upProj', 'downProj'] as const;

/** Units 0 … layers - 1 are the layers (LAYER_MATRICES each); the rest are slices of the lm_head, one matrix each. */
export function weightUnits(checkpoint: Checkpoint, config: N150Config): readonly WeightUnit[] {
  const layers = Array.from({ length: checkpoint.config.layers }, (_, layer) =>
    layerUnit(checkpoint, layerPrefix(layer), config),
  );
  return [...layers, ...headUnits(checkpoint, config)];
}

export function unitBytes(unit: WeightUnit): number {
  return unit.reduce((sum, { format, k, n }) => sum + packedBytes(format, k, n), 0);
}

function layerUnit(checkpoint: Checkpoint, prefix: string, config: N150Config): WeightUnit {
  const linear = (baseName: string, ...names: string[]): WeightRecipe => {
    const parts = names.map((suffix): WeightPart => {
      const name = `${prefix}.${suffix}.weight`;
      const tensor = checkpoint.tensors.get(name)!;
      return { name, tensor, firstRow: 0, rows: tensor.shape[0]! };
    });
    return {
      baseName: `${prefix}.${baseName}`,
      format: baseName.startsWith('mlp.') && config.mlpFormat !== 'auto' ? config.mlpFormat : config.weightFormat,
      rounding: config.hostBfpRounding,
      k: parts[0]!.tensor.shape[1]!,
      n: parts.reduce((sum, { rows }) => sum + rows, 0),
      parts,
    };
  };
  return [
    linear('self_attn.wqkv_sharded', 'self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'),
    linear('self_attn.wo_height_sharded', 'self_attn.o_proj'),
    linear('mlp.w1_sharded', 'mlp.gate_proj'),
    linear('mlp.w3_sharded', 'mlp.up_proj'),
    linear('mlp.w2_sharded', 'mlp.down_proj'),
  ];
}

function headUnits(checkpoint: Checkpoint, config: N150Config): WeightUnit[] {
  const { vocabSize, hiddenSize: k } = checkpoint.config;
  const count = Math.ceil(vocabSize / HEAD_SLICE_COLUMNS);
  const tensor = checkpoint.tensors.get(checkpoint.lmHeadName)!;
  return Array.from({ length: count }, (_, slice) => {
    const firstRow = slice * HEAD_SLICE_COLUMNS;
    const n = Math.min(HEAD_SLICE_COLUMNS, vocabSize - firstRow);
    return [
      {
        baseName: `output_lm_head_${count}_split_shard_${slice}`,
        format: config.lmHeadFormat,
        rounding: config.hostBfpRounding,
        k,
        n,
        parts: [{ name: checkpoint.lmHeadName, tensor, firstRow, rows: n }],
      },
    ];
  });
}

/** The parts one after the other. */
export function concatenate(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
