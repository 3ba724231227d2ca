// Which core computes with a column of tiles of a weight matrix: the N tiles of a linear layer, split evenly over its cores.
// Source: n150-numerics C and E; coreCounts; the lm_head is computed in slices of 32,064 columns, each over all its cores.
import type { ModelConfig } from '../../../src/checkpoint/config.ts';
import { EMBED_TOKENS, LM_HEAD } from '../../../src/checkpoint/tensor-names.ts';
import { type CoreCounts, coreCounts } from '../../../src/device/n150/chip.ts';
import { TILE_SIDE, tilesAcross } from '../../../src/tensor/tile-layout.ts';

export interface CoreOf {
  /** 0-based, row by row of the grid. */
  readonly core: number;
  readonly cores: number;
}

/** Core of a row of [out, in], which is a column of the [K, N] matrix; undefined where no matmul reads the tensor. */
export type OwnerOf = (name: string, row: number) => CoreOf | undefined;

const HEAD_SLICE_COLUMNS = 32_064;

/** Where the grid is too small for the model nothing is known of its cores. */
export function tileOwners(config: ModelConfig, gridRows: number): OwnerOf {
  const { hiddenSize, intermediateSize, queryHeads, keyValueHeads, headDim, vocabSize } = config;
  const queryWidth = queryHeads * headDim;
  const keyValueWidth = keyValueHeads * headDim;
  let cores: CoreCounts | undefined;
  try {
    cores = coreCounts(config, gridRows);
  } catch {
    return () => undefined;
  }
  const fused = queryWidth + 2 * keyValueWidth;
  const shared: Readonly<Record<string, readonly [width: number, firstColumn: number, cores: number]>> = {
    'self_attn.q_proj': [fused, 0, cores.qkv],
    'self_attn.k_proj': [fused, queryWidth, cores.qkv],
    'self_attn.v_proj': [fused, queryWidth + keyValueWidth, cores.qkv],
    'self_attn.o_proj': [hiddenSize, 0, cores.o],
    'mlp.gate_proj': [intermediateSize, 0, cores.gateUp],
    'mlp.up_proj': [intermediateSize, 0, cores.gateUp],
    'mlp.down_proj': [hiddenSize, 0, cores.down],
  };
  const headCores = cores.lmHead;
  return (name, row) => {
    if (name === LM_HEAD) {
      const slice = Math.floor(row / HEAD_SLICE_COLUMNS) * HEAD_SLICE_COLUMNS;
      return ownerOf(row - slice, Math.min(HEAD_SLICE_COLUMNS, vocabSize - slice), headCores);
    }
    if (name === EMBED_TOKENS || !name.endsWith('.weight')) return undefined;
    const [width, firstColumn, count] =
      shared[name.replace(/^model\.layers\.\d+\./, '').slice(0, -'.weight'.length)] ?? [];
    if (width === undefined || firstColumn === undefined || count === undefined) return undefined;
    return ownerOf(firstColumn + row, width, count);
  };
}

function ownerOf(column: number, width: number, cores: number): CoreOf {
  const perCore = Math.ceil(tilesAcross(width) / cores);
  return { core: Math.floor(Math.floor(column / TILE_SIDE) / perCore), cores };
}
