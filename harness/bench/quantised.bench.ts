// Benchmark of quantised weights at Qwen2-7B's shapes: GPTQ int4 read, packed and run beside BF16, four layers of it.
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark } from './benchmark.ts';
import { benchQuantised } from './full-size/quantised.ts';
import { Workspace } from './full-size/workspace.ts';

/** Enough that neither side keeps its weights as float32; memory does not grow with more. */
const LAYERS = 4;

export const benchmark: Benchmark = {
  name: 'quantised',
  description: `Qwen2-7B shapes, ${LAYERS} layers: GPTQ int4 beside BF16, reading, memory, both sides over 248 positions`,
  isLong: true,
  async run() {
    const folder = process.env['QWEN_PCC_BENCH_DIR'] ?? join(tmpdir(), 'qwen-pcc-quantised');
    mkdirSync(folder, { recursive: true });
    try {
      return await benchQuantised(new Workspace(folder), LAYERS);
    } finally {
      if (process.env['QWEN_PCC_BENCH_DIR'] === undefined) rmSync(folder, { recursive: true });
    }
  },
};
