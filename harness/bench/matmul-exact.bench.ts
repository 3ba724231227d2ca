// Benchmark of tier exact: multiplications a second, every fidelity phase counted as one.

import { DEMO_MATMUL } from '../../src/device/wormhole/demo-matmul.fixture.ts';
import { PHASE_COUNT } from '../../src/device/wormhole/fidelity.ts';
import { createKernelMatmulEngine } from '../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import type { MatmulOptions } from '../../src/device/wormhole/matmul-engine.ts';
import { type Benchmark, timeInTurns } from './benchmark.ts';
import { bf16Values, packedWeights } from './random-values.ts';

const SHAPE = { rows: 128, k: 3584, n: 1024 } as const;
const THREADS = 2;
const ROUNDS = 7;
const DEMO_EXACT: MatmulOptions = { ...DEMO_MATMUL, tier: 'exact' };

export const benchmark: Benchmark = {
  name: 'matmul-exact',
  description: `${SHAPE.rows} x ${SHAPE.k} x ${SHAPE.n}, BFP8_B weights, ${THREADS} threads; GMAC/s count all phases`,
  async run() {
    const { rows, k, n } = SHAPE;
    const engine = await createKernelMatmulEngine({ threads: THREADS });
    const weights = engine.load(packedWeights(k, n, 'BFP8_B'));
    const in0 = bf16Values(rows * k, 4);
    const multiply = (options: MatmulOptions) => () => engine.matmul(in0, rows, weights, options);
    const times = await timeInTurns(
      {
        hifi2: multiply(DEMO_EXACT),
        lofi: multiply({ ...DEMO_EXACT, mathFidelity: 'LoFi' }),
        hifi4: multiply({ ...DEMO_EXACT, mathFidelity: 'HiFi4' }),
        dst32: multiply({ ...DEMO_EXACT, fp32DestAcc: true, intermediateFormat: 'FP32' }),
      },
      ROUNDS,
    );
    await engine.close();
    const speeds = (milliseconds: readonly number[], phases: number): number[] =>
      milliseconds.map((time) => (phases * rows * k * n) / time / 1e6);
    return [
      {
        name: 'HiFi2',
        unit: 'GMAC/s',
        samples: speeds(times.hifi2, PHASE_COUNT.HiFi2),
        target: { relation: 'at least', value: 2 },
      },
      { name: 'LoFi', unit: 'GMAC/s', samples: speeds(times.lofi, PHASE_COUNT.LoFi) },
      { name: 'HiFi4', unit: 'GMAC/s', samples: speeds(times.hifi4, PHASE_COUNT.HiFi4) },
      { name: 'HiFi2, 32-bit Dst', unit: 'GMAC/s', samples: speeds(times.dst32, PHASE_COUNT.HiFi2) },
    ];
  },
};
