// Benchmark of attention: the kernel against the plain TypeScript twin, by position, at Qwen2-7B's shape.

import { attentionKnobs } from '../../src/device/n150/attention-knobs.ts';
import { createPlainAttention } from '../../src/device/n150/ops/plain-attention.ts';
import { RECIPES } from '../../src/device/n150/recipes.ts';
import type { LayerAttention } from '../../src/device/wormhole/attention-engine.ts';
import { createKernelMatmulEngine } from '../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { type Benchmark, type BenchResult, ratios, timeInTurns } from './benchmark.ts';
import { bf16Values } from './random-values.ts';

const SHAPE = { queryHeads: 28, keyValueHeads: 4, headDim: 128 } as const;
const POSITIONS = [128, 1024, 4095] as const;
/** Rows of a batch in the device model's prefill. */
const BATCH = 256;
const THREADS = 2;
const ROUNDS = 5;

export const benchmark: Benchmark = {
  name: 'attention',
  description: `28 heads on 4 of 128, demo-2024 in tier fast, ${THREADS} threads; one row, and the share of a row in ${BATCH}`,
  async run() {
    const knobs = attentionKnobs(SHAPE, RECIPES['demo-2024']);
    const width = SHAPE.queryHeads * SHAPE.headDim;
    const keyValueWidth = SHAPE.keyValueHeads * SHAPE.headDim;
    const last = POSITIONS[POSITIONS.length - 1]!;
    const queries = bf16Values(BATCH * width, 1);
    const keys = bf16Values((last + 1) * keyValueWidth, 2);
    const values = bf16Values((last + 1) * keyValueWidth, 3);
    const engine = await createKernelMatmulEngine({ threads: THREADS });
    const kernel = engine.openAttention(SHAPE, knobs) ?? createPlainAttention(SHAPE, knobs);
    const twin = createPlainAttention(SHAPE, knobs);
    for (const attention of [kernel, twin]) {
      for (let position = 0; position <= last; position++) {
        attention.write(position, keys, position * keyValueWidth, values, position * keyValueWidth);
      }
    }
    const attend = (attention: LayerAttention, rows: number, position: number) => () =>
      attention.attend(queries, width, rows, Math.max(0, position + 1 - rows));

    const results: BenchResult[] = [];
    for (const position of POSITIONS) {
      const rows = Math.min(BATCH, position + 1);
      const times = await timeInTurns(
        { one: attend(kernel, 1, position), batch: attend(kernel, rows, position), twin: attend(twin, 1, position) },
        ROUNDS,
      );
      const each = times.batch.map((milliseconds) => milliseconds / rows);
      results.push(
        { name: `position ${position}, twin`, unit: 'ms', samples: times.twin },
        { name: `position ${position}, kernel`, unit: 'ms', samples: times.one },
        { name: `position ${position}, kernel, a row of ${rows} up to it`, unit: 'ms', samples: each },
        {
          name: `position ${position}, twin / kernel`,
          unit: 'times as long',
          samples: ratios(times.twin, times.one),
          target: { relation: 'at least', value: 10 },
        },
      );
    }
    await engine.close();
    return results;
  },
};
