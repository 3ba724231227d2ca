// The compiled kernels against every recorded matmul and attention: the simulator's, and whole ttnn 0.81.1 operations.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceEngine } from '../../wormhole/attention-engine.ts';
import { createKernelMatmulEngine } from '../../wormhole/kernels/kernel-matmul-engine.ts';
import { checkVectors } from './check-vectors.ts';

const VECTORS = fileURLToPath(new URL('../../../../fixtures/vectors', import.meta.url));

let engine: DeviceEngine;
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

  it('reproduce the recorded attention with a 16-bit Dst bit for bit, and leave a 32-bit one to the twin', () => {
    const opened: string[] = [];
    const watched: DeviceEngine = {
      ...engine,
      openAttention(shape, config) {
        const attention = engine.openAttention!(shape, config);
        opened.push(`${config.sdpaFidelity}, ${attention === undefined ? 'twin' : 'kernel'}`);
        return attention;
      },
    };
    const files = checkVectors(`${VECTORS}/ttnn-0.81.1`, watched).files.filter(({ name }) => name.startsWith('sdpa-'));
    expect(files.map(({ comparison }) => comparison?.mismatches)).toEqual([0, 0, 0, 0]);
    expect(opened).toEqual(['HiFi2, kernel', 'HiFi4, twin', 'HiFi2, kernel', 'HiFi4, twin']);
  });
});
