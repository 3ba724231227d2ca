// Benchmark of tier fast: an MLP projection of Qwen2-7B on the kernels, beside ONNX Runtime's Gemm of the same shape.

import { DEMO_MATMUL } from '../../src/device/wormhole/demo-matmul.fixture.ts';
import { createEngineOnPool } from '../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { fastestModule } from '../../src/device/wormhole/kernels/kernel-module.ts';
import { createKernelPool } from '../../src/device/wormhole/kernels/kernel-pool.ts';
import { createBareGemm } from './bare-gemm.ts';
import { type Benchmark, ratios, timeInTurns } from './benchmark.ts';
import { bf16Values, packedWeights } from './random-values.ts';

const SHAPE = { rows: 128, k: 3584, n: 18944 } as const;
const THREADS = 2;
const ROUNDS = 9;

export const benchmark: Benchmark = {
  name: 'matmul-fast',
  description: `${SHAPE.rows} x ${SHAPE.k} x ${SHAPE.n}, BFP8_B weights, HiFi2, ${THREADS} threads`,
  async run() {
    const { rows, k, n } = SHAPE;
    const engine = createEngineOnPool(await createKernelPool({ threads: THREADS }));
    const plainEngine = createEngineOnPool(await createKernelPool({ threads: THREADS, module: 'plain' }));
    const gemm = await createBareGemm(SHAPE, THREADS);
    const packed = packedWeights(k, n, 'BFP8_B');
    const weights = engine.load(packed);
    const plainWeights = plainEngine.load(packed);
    const prefill = bf16Values(rows * k, 4);
    const decode = prefill.slice(0, k);
    const times = await timeInTurns(
      {
        kernel: () => engine.matmul(prefill, rows, weights, DEMO_MATMUL),
        plain: () => plainEngine.matmul(prefill, rows, plainWeights, DEMO_MATMUL),
        gemm: gemm.run,
        oneRow: () => engine.matmul(decode, 1, weights, DEMO_MATMUL),
      },
      ROUNDS,
    );
    await engine.close();
    await plainEngine.close();
    await gemm.close();
    const gigaflop = (2 * rows * k * n) / 1e9;
    const speed = (milliseconds: number): number => (gigaflop / milliseconds) * 1e3;
    return [
      {
        name: 'kernel',
        unit: 'GFLOP/s',
        samples: times.kernel.map(speed),
        target: { relation: 'at least', value: 32 },
      },
      {
        name: `kernel (${fastestModule()} SIMD) / plain SIMD`,
        unit: 'times as fast',
        samples: ratios(times.plain, times.kernel),
      },
      { name: 'bare Gemm', unit: 'GFLOP/s', samples: times.gemm.map(speed) },
      { name: 'kernel / bare Gemm', unit: 'of its speed', samples: ratios(times.gemm, times.kernel) },
      { name: 'kernel, one row', unit: 'ms', samples: times.oneRow },
    ];
  },
};
