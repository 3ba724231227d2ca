// Benchmark of the kernels against the plain TypeScript twins that define them, on one thread.

import { DEMO_MATMUL } from '../../src/device/wormhole/demo-matmul.fixture.ts';
import { createKernelMatmulEngine } from '../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { MATMUL_TIERS, type MatmulTier } from '../../src/device/wormhole/matmul-engine.ts';
import { createPlainMatmulEngine } from '../../src/device/wormhole/matrix-unit/matmul.ts';
import { type Benchmark, type BenchResult, ratios, timeInTurns } from './benchmark.ts';
import { bf16Values, packedWeights } from './random-values.ts';

const SHAPE = { rows: 32, k: 512, n: 512 } as const;
const ROUNDS = 7;

export const benchmark: Benchmark = {
  name: 'kernel-twin',
  description: `${SHAPE.rows} x ${SHAPE.k} x ${SHAPE.n}, BFP8_B weights, one thread`,
  async run() {
    const { rows, k, n } = SHAPE;
    const kernels = await createKernelMatmulEngine({ threads: 1 });
    const twin = createPlainMatmulEngine();
    const packed = packedWeights(k, n, 'BFP8_B');
    const kernelWeights = kernels.load(packed);
    const twinWeights = twin.load(packed);
    const in0 = bf16Values(rows * k, 4);
    const measure = async (tier: MatmulTier): Promise<BenchResult[]> => {
      const options = { ...DEMO_MATMUL, tier };
      const times = await timeInTurns(
        {
          kernel: () => kernels.matmul(in0, rows, kernelWeights, options),
          twin: () => twin.matmul(in0, rows, twinWeights, options),
        },
        ROUNDS,
      );
      return [
        { name: `${tier}, kernel`, unit: 'ms', samples: times.kernel },
        { name: `${tier}, twin`, unit: 'ms', samples: times.twin },
        { name: `${tier}, twin / kernel`, unit: 'times as long', samples: ratios(times.twin, times.kernel) },
      ];
    };
    const results: BenchResult[] = [];
    for (const tier of MATMUL_TIERS) results.push(...(await measure(tier)));
    await kernels.close();
    await twin.close();
    return results;
  },
};
