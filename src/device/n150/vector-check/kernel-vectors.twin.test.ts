// The compiled kernels against every recorded matmul: the simulator's, and whole ttnn 0.81.1 operations.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKernelMatmulEngine } from '../../wormhole/kernels/kernel-matmul-engine.ts';
import type { MatmulEngine } from '../../wormhole/matmul-engine.ts';
import { checkVectors } from './check-vectors.ts';

const VECTORS = fileURLToPath(new URL('../../../../fixtures/vectors', import.meta.url));

let engine: MatmulEngine;
beforeAll(async () => {
  engine = await createKernelMatmulEngine({ threads: 2 });
});
afterAll(() => engine.close());

describe('kernels of tier exact', () => {
  it.each([
    { folder: VECTORS, files: 4, cases: 4 * 2048 },
    // 12 outputs of [32, 64] with BFP4_B weights; 24 of [32, 32]; 33 of [32, 64].
    { folder: `${VECTORS}/ttnn-0.81.1`, files: 3, cases: 12 * 2048 + 24 * 1024 + 33 * 2048 },
  ])('reproduce every matmul in $files files bit for bit', ({ folder, files, cases }) => {
    const matmuls = checkVectors(folder, engine).files.filter(
      ({ name, state }) => name.startsWith('matmul-') && state === 'checked',
    );
    expect(matmuls).toHaveLength(files);
    expect(matmuls.reduce((sum, { comparison }) => sum + comparison!.cases, 0)).toBe(cases);
    expect(matmuls.map(({ comparison }) => comparison!.mismatches)).toEqual(new Array(files).fill(0));
  });
});
