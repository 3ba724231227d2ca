// The plain TypeScript matmul engine: the definition of every tier, which the WASM kernels reproduce bit for bit.
import { InternalError, ShapeError } from '../../../errors.ts';
import { packedBytes } from '../../../tensor/tile-layout.ts';
import type { LoadedMatrix, MatmulEngine, MatmulTier, PackedMatrix } from '../matmul-engine.ts';
import { matmulExact } from './matmul-exact.ts';
import { matmulFast } from './matmul-fast.ts';
import { matmulFp32 } from './matmul-fp32.ts';

type Matmul = typeof matmulExact;

const MATMUL_OF_TIER: Readonly<Record<MatmulTier, Matmul>> = {
  exact: matmulExact,
  fast: matmulFast,
  fp32: matmulFp32,
};

/** @returns an engine that keeps weights packed and unpacks one row of tiles at a time. */
export function createPlainMatmulEngine(): MatmulEngine {
  const loaded = new Map<LoadedMatrix, PackedMatrix>();
  const load = (weights: PackedMatrix): LoadedMatrix => {
    const handle: LoadedMatrix = { k: weights.k, n: weights.n, format: weights.format };
    loaded.set(handle, weights);
    return handle;
  };
  return {
    load,
    reserve({ format, k, n }) {
      const tiles = new Uint8Array(packedBytes(format, k, n));
      return { matrix: load({ format, k, n, tiles }), tiles };
    },
    release(weights: LoadedMatrix): void {
      loaded.delete(weights);
    },
    matmul(in0, rows, weights, options): Float32Array {
      const packed = loaded.get(weights);
      if (packed === undefined) {
        throw new InternalError('A matmul was asked for with weights that are not loaded.', {
          code: 'WEIGHTS_NOT_LOADED',
          facts: {
            found: `[${weights.k}, ${weights.n}] ${weights.format}`,
            wanted: 'a matrix loaded and not released',
          },
        });
      }
      if (in0.length !== rows * packed.k) {
        throw new ShapeError('Activations and weights of a matmul do not fit.', {
          code: 'MATMUL_SHAPE',
          facts: { found: `${in0.length} activations`, wanted: `[${rows}, ${packed.k}] = ${rows * packed.k}` },
          hint: 'pass [rows, K] activations with the K of the weights',
        });
      }
      return MATMUL_OF_TIER[options.tier](in0, rows, packed, options);
    },
    close(): Promise<void> {
      loaded.clear();
      return Promise.resolve();
    },
  };
}
