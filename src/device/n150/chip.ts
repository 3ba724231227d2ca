// Facts of the N150 and what the demo derives from them for a model's widths: cores and their shares.
// Source: n150-numerics C; `find_grid` of tt-metal's model_config.py (an even split over about 32 of 64 cores).
import { TILE_SIDE, tilesAcross } from '../../tensor/tile-layout.ts';

export const CORE_GRID_SIDE = 8;
export const CORE_COUNT: number = CORE_GRID_SIDE * CORE_GRID_SIDE;

/** Cores that a width of whole tiles is split over evenly, as near to this as a grid allows. */
const TARGET_CORES = 32;

/** Which features of a row one core of a sharded RMSNorm sums, and in which steps the cores are combined. */
export interface NormSplit {
  readonly cores: number;
  /** Tiles of 32 features per core. */
  readonly tilesPerCore: number;
  /** Partials summed in each first stage; equal to `cores` when there is one stage. */
  readonly firstStage: number;
}

/**
 * Split of the RMSNorms inside the layers: the divisor of the tile count nearest to 32 that fits an 8x8 grid.
 * 3584 features give 28 cores of 4 tiles, 576 give 18 of 1, 128 give 4 of 1. A width that is no multiple of 32 stays on one core.
 */
export function layerNormSplit(hiddenSize: number): NormSplit {
  const tiles = tilesAcross(hiddenSize);
  if (hiddenSize % TILE_SIDE !== 0) return { cores: 1, tilesPerCore: tiles, firstStage: 1 };
  let cores = 1;
  for (let candidate = 1; candidate <= CORE_COUNT; candidate++) {
    if (tiles % candidate !== 0 || !fitsGrid(candidate)) continue;
    if (Math.abs(candidate - TARGET_CORES) < Math.abs(cores - TARGET_CORES)) cores = candidate;
  }
  return { cores, tilesPerCore: tiles / cores, firstStage: cores };
}

/**
 * Split of the final RMSNorm, which shares the lm_head's grid of eight columns: the most rows (at most 8) that split the
 * width evenly, combined in two stages, rows of 8 first. 3584 features give 56 cores of 2 tiles. Widths that are no
 * multiple of 256 are split as in the layers.
 */
export function finalNormSplit(hiddenSize: number): NormSplit {
  for (let rows = CORE_GRID_SIDE; rows > 1; rows--) {
    const cores = rows * CORE_GRID_SIDE;
    if (hiddenSize % (cores * TILE_SIDE) === 0) {
      return { cores, tilesPerCore: hiddenSize / TILE_SIDE / cores, firstStage: CORE_GRID_SIDE };
    }
  }
  return layerNormSplit(hiddenSize);
}

function fitsGrid(cores: number): boolean {
  for (let rows = 1; rows <= CORE_GRID_SIDE; rows++) {
    if (cores % rows === 0 && cores / rows <= CORE_GRID_SIDE) return true;
  }
  return false;
}

/** Cores of flash decode for each key/value head: 16 for Qwen2-7B's four. */
export function attentionCoresPerHead(keyValueHeads: number): number {
  return Math.max(1, Math.floor(CORE_COUNT / keyValueHeads));
}

/** Chunks [first, end) that a core holds; empty if first = end. */
export interface ChunkRun {
  readonly first: number;
  readonly end: number;
}

/**
 * Contiguous runs of chunks for every core that has one, core 0 (the reducer) first: it owns the last chunks. With more
 * chunks than cores the runs at the beginning of the sequence are one longer where the division leaves a rest.
 */
export function chunkRuns(chunks: number, cores: number): ChunkRun[] {
  const used = Math.min(chunks, cores);
  const base = Math.floor(chunks / used);
  const rest = chunks % used;
  return Array.from({ length: used }, (_, core) => {
    const fromStart = used - 1 - core;
    const first = fromStart * base + Math.min(rest, fromStart);
    return { first, end: first + base + (fromStart < rest ? 1 : 0) };
  });
}
