// What an entrant costs: bits and bytes of its checkpoint, and what the N150 reads of it for each token.
import type { Checkpoint } from '../../../src/checkpoint/weights.ts';
import type { N150Config } from '../../../src/device/n150/compute-config.ts';
import { unitBytes, weightUnits } from '../../../src/device/n150/weight-cache/weight-units.ts';
import { elementCount } from '../../../src/tensor/dtypes.ts';
import { TILE_BYTES, TILE_ELEMENTS } from '../../../src/tensor/tile-layout.ts';

/** DRAM bandwidth of the N150, bytes a second: 12 GDDR6 channels of 24 GB/s (Tenstorrent's data sheet). */
export const DRAM_BYTES_PER_SECOND = 288e9;
/** How the upper bound is computed, for those who read it. */
export const SPEED_FORMULA =
  'tokens/s/user <= 288 GB/s / bytes of weights read for a token (linear layers and lm_head as packed)';

export interface Storage {
  /** Of the files: codes, scales, zero points of the model's tensors over their number of weights. */
  readonly bitsPerWeight: number;
  readonly fileBytes: number;
  /** How the files hold them; undefined for plain weights. */
  readonly encoding: string | null;
}

export interface DeviceStorage {
  /** Packed linear layers and lm_head: all of it is read for every token that is decoded. */
  readonly weightBytes: number;
  /** Keys and values of one position, all layers. */
  readonly cacheBytesPerToken: number;
  /** Upper bound of decoded tokens a second for one user (`SPEED_FORMULA`). */
  readonly tokensPerSecondMax: number;
}

/** Of the files; headers only. */
export function storageOf({ tensors, encoding }: Pick<Checkpoint, 'tensors' | 'encoding'>): Storage {
  let bytes = 0;
  let weights = 0;
  for (const { shape, lengthBytes } of tensors.values()) {
    bytes += lengthBytes;
    weights += elementCount(shape);
  }
  return { bitsPerWeight: (8 * bytes) / weights, fileBytes: bytes, encoding: encoding ?? null };
}

/** Of a recipe on the N150; nothing is packed. */
export function deviceStorageOf(checkpoint: Checkpoint, config: N150Config): DeviceStorage {
  const { layers, keyValueHeads, headDim } = checkpoint.config;
  const weightBytes = weightUnits(checkpoint, config).reduce((sum, unit) => sum + unitBytes(unit), 0);
  const bytesPerElement = TILE_BYTES[config.kvFormat] / TILE_ELEMENTS;
  return {
    weightBytes,
    cacheBytesPerToken: 2 * layers * keyValueHeads * headDim * bytesPerElement,
    tokensPerSecondMax: DRAM_BYTES_PER_SECOND / weightBytes,
  };
}
