// Benchmark of the reference: one layer of Qwen2-7B over 128 positions, beside bare Gemms of its seven shapes.
import { createReference } from '../../reference/onnx-reference.ts';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { createBareGemm, type GemmShape } from './bare-gemm.ts';
import { type Benchmark, ratios, timeInTurns } from './benchmark.ts';
import { LAYER_7B, withSyntheticLayer } from './synthetic-layer.ts';

const POSITIONS = 128;
const THREADS = 2;
const ROUNDS = 7;
const SHARE_OF_GEMM = 0.8;

const { hiddenSize, intermediateSize, keyValueWidth } = LAYER_7B;
/** [K, N] of every projection; equal shapes are measured once and counted as often as they occur. */
const PROJECTIONS: readonly { readonly k: number; readonly n: number; readonly count: number }[] = [
  { k: hiddenSize, n: hiddenSize, count: 2 },
  { k: hiddenSize, n: keyValueWidth, count: 2 },
  { k: hiddenSize, n: intermediateSize, count: 2 },
  { k: intermediateSize, n: hiddenSize, count: 1 },
];
const GIGAFLOP = PROJECTIONS.reduce((sum, { k, n, count }) => sum + (count * 2 * POSITIONS * k * n) / 1e9, 0);

export const benchmark: Benchmark = {
  name: 'reference-body',
  description: `one Qwen2-7B layer, ${POSITIONS} positions, float32 from mapped BF16 weights, ${THREADS} threads`,
  run: () =>
    withSyntheticLayer(async (folder) => {
      const reference = await createReference(openCheckpoint(folder), {
        precision: 'fp32',
        threads: THREADS,
        weights: 'mapped',
      });
      const gemms = await Promise.all(
        PROJECTIONS.map(({ k, n }) => createBareGemm({ rows: POSITIONS, k, n } satisfies GemmShape, THREADS)),
      );
      const tokenIds = Int32Array.from({ length: POSITIONS }, (_, position) => position % LAYER_7B.vocabSize);
      const times = await timeInTurns(
        {
          body: async () => {
            await reference.truncate(0);
            await reference.feed(tokenIds, { rows: 'none' }, () => undefined);
          },
          gemms: async () => {
            for (const [index, { count }] of PROJECTIONS.entries()) {
              for (let i = 0; i < count; i++) await gemms[index]!.run();
            }
          },
        },
        ROUNDS,
      );
      await reference.close();
      for (const gemm of gemms) await gemm.close();
      const speed = (milliseconds: number): number => (GIGAFLOP / milliseconds) * 1e3;
      return [
        { name: 'body', unit: 'GFLOP/s', samples: times.body.map(speed) },
        { name: 'bare Gemms', unit: 'GFLOP/s', samples: times.gemms.map(speed) },
        {
          name: 'body / bare Gemms',
          unit: 'of their speed',
          samples: ratios(times.gemms, times.body),
          target: { relation: 'at least', value: SHARE_OF_GEMM },
        },
      ];
    }),
};
