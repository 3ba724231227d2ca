// Facts of the N150 and what the demo derives from its grid of compute cores for a model's widths: cores and their shares.
// Source: n150-numerics C; `find_grid`, `lm_head_num_rows` and the program configurations of tt-metal's model_config.py.
import type { ModelConfig } from '../../checkpoint/config.ts';
import { UsageError } from '../../errors.ts';
import { TILE_SIDE, tilesAcross } from '../../tensor/tile-layout.ts';

/** Columns of the compute grid: the demo addresses all eight, so a narrower grid cannot run it. */
export const GRID_COLUMNS = 8;
/** Most rows that the demo addresses: those of the 8x8 grid of an N150 whose ninth row dispatches. */
export const GRID_ROWS_MAX = 8;

/** Rows of eight cores that a matrix of whole tiles is split over, at most. */
const SPLIT_ROWS_MAX = 4;

/** `8x7`: columns x rows. */
export function gridText(gridRows: number): string {
  return `${GRID_COLUMNS}x${gridRows}`;
}

/** Which features of a row one core of a sharded RMSNorm sums, and in which steps the cores are combined. */
export interface NormSplit {
  readonly cores: number;
  /** Tiles of 32 features per core. */
  readonly tilesPerCore: number;
  /** Partials summed in each first stage; equal to `cores` when there is one stage. */
  readonly firstStage: number;
}

/**
 * Split of the RMSNorms inside the layers: 3584 features give 28 cores of 4 tiles, 576 give 18 of 1, 128 give 4 of 1. Cores that
 * fill several rows of eight are combined in two stages: 1536 features give three rows, 8192 four. A width that is no
 * multiple of 32 stays on one core.
 */
export function layerNormSplit(hiddenSize: number, gridRows: number): NormSplit {
  const cores = splitCores(hiddenSize, gridRows);
  const firstStage = cores % GRID_COLUMNS === 0 ? GRID_COLUMNS : cores;
  return { cores, tilesPerCore: tilesAcross(hiddenSize) / cores, firstStage };
}

/**
 * Split of the final RMSNorm, which shares the lm_head's grid of eight columns: the most rows that split the width evenly,
 * combined in two stages, rows of 8 first. 3584 features give 56 cores of 2 tiles. Widths that are no multiple of 256 are
 * split as in the layers.
 */
export function finalNormSplit(hiddenSize: number, gridRows: number): NormSplit {
  for (let rows = gridRows; rows > 1; rows--) {
    const cores = rows * GRID_COLUMNS;
    if (hiddenSize % (cores * TILE_SIDE) === 0) {
      return { cores, tilesPerCore: hiddenSize / TILE_SIDE / cores, firstStage: GRID_COLUMNS };
    }
  }
  return layerNormSplit(hiddenSize, gridRows);
}

/** Most cores, at most four rows of eight, that hold the same number of whole tiles of a width each; 1 if it is no whole tiles. */
function splitCores(width: number, gridRows: number): number {
  if (width % TILE_SIDE !== 0) return 1;
  const tiles = width / TILE_SIDE;
  const rowsMax = Math.min(SPLIT_ROWS_MAX, gridRows);
  for (let cores = rowsMax * GRID_COLUMNS; cores > 1; cores--) {
    if (tiles % cores === 0 && fitsRows(cores, rowsMax)) return cores;
  }
  return 1;
}

function fitsRows(cores: number, rowsMax: number): boolean {
  for (let rows = 1; rows <= rowsMax; rows++) {
    if (cores % rows === 0 && cores / rows <= GRID_COLUMNS) return true;
  }
  return false;
}

/** Cores of flash decode for each key/value head: 16 for Qwen2-7B's four on an 8x8 grid. */
export function attentionCoresPerHead(keyValueHeads: number, gridRows: number): number {
  return Math.max(1, Math.floor((gridRows * GRID_COLUMNS) / keyValueHeads));
}

/** Cores of every operation of the decode graph; where two numbers multiply, cores x tiles of K each. */
export interface CoreCounts {
  readonly layerNorm: NormSplit;
  readonly finalNorm: NormSplit;
  readonly qkv: number;
  readonly attentionPerHead: number;
  /** One for each query head. */
  readonly o: number;
  readonly gateUp: number;
  readonly down: number;
  readonly lmHead: number;
}

type Widths = Pick<ModelConfig, 'hiddenSize' | 'intermediateSize' | 'queryHeads' | 'keyValueHeads'>;

/** @throws UsageError GRID_TOO_SMALL when the grid has no core for each query head, as the attention output needs. */
export function coreCounts(model: Widths, gridRows: number): CoreCounts {
  const { hiddenSize, intermediateSize, queryHeads, keyValueHeads } = model;
  if (queryHeads > gridRows * GRID_COLUMNS) {
    throw new UsageError(`a compute grid of ${gridText(gridRows)} is too small for this model's attention.`, {
      code: 'GRID_TOO_SMALL',
      facts: { found: `${gridRows * GRID_COLUMNS} cores`, wanted: `${queryHeads}: a core for each query head` },
      hint: 'take a grid with more rows: WH_ARCH_YAML, or the knob gridRows.',
    });
  }
  const finalNorm = finalNormSplit(hiddenSize, gridRows);
  return {
    layerNorm: layerNormSplit(hiddenSize, gridRows),
    finalNorm,
    qkv: splitCores(hiddenSize, gridRows),
    attentionPerHead: attentionCoresPerHead(keyValueHeads, gridRows),
    o: queryHeads,
    gateUp: splitCores(hiddenSize, gridRows),
    down: splitCores(intermediateSize, gridRows),
    lmHead: finalNorm.cores,
  };
}

/** Blocks of K that a linear layer sums one after the other, whatever cores hold them. */
export function kBlocks(k: number, in0BlockW: number): number {
  return Math.ceil(tilesAcross(k) / in0BlockW);
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
