// Benchmark of the main job as a user runs it: a child process, its wall time and its peak memory.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark, BenchmarkTarget, BenchResult } from './benchmark.ts';
import { type ChildRun, runCommand } from './child-run.ts';

/** From dist/harness/bench to the package. */
const REAL_PROMPT = new URL('../../../fixtures/golden-real/smollm2-0.json', import.meta.url);
const ROUNDS = 3;

export const benchmark: Benchmark = {
  name: 'validate',
  description:
    'qwen-pcc validate: both tiny checkpoints, 16 prompts; with QWEN_DIR set, that model on one prompt, 101 tokens',
  async run() {
    const results = await measure('tiny checkpoints', [], ROUNDS, {
      seconds: { relation: 'at most', value: 20 },
      peakGiB: { relation: 'at most', value: 1.5 },
    });
    const model = process.env['QWEN_DIR'];
    if (model !== undefined) results.push(...(await measureRealModel(model)));
    return results;
  },
};

async function measureRealModel(model: string): Promise<BenchResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'qwen-pcc-prompt-'));
  try {
    const { ids, greedy } = JSON.parse(readFileSync(REAL_PROMPT, 'utf8')) as { ids: number[]; greedy: number[] };
    const prompts = join(folder, 'prompts.json');
    writeFileSync(prompts, JSON.stringify([{ name: 'smollm2-0', ids, continuation: greedy }]));
    return await measure('real model', ['--weights', model, '--prompts', prompts], 1, {
      seconds: { relation: 'at most', value: 60 },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(
  name: string,
  options: readonly string[],
  rounds: number,
  targets: { readonly seconds: BenchmarkTarget; readonly peakGiB?: BenchmarkTarget },
): Promise<BenchResult[]> {
  const runs: ChildRun[] = [];
  for (let round = 0; round < rounds; round++) runs.push(await runValidate(options));
  const peaks = runs.flatMap(({ peakGiB }) => peakGiB ?? []);
  return [
    { name: `${name}, time`, unit: 's', samples: runs.map(({ seconds }) => seconds), target: targets.seconds },
    ...(peaks.length === 0
      ? []
      : [
          {
            name: `${name}, peak memory`,
            unit: 'GiB',
            samples: peaks,
            ...(targets.peakGiB === undefined ? {} : { target: targets.peakGiB }),
          },
        ]),
  ];
}

async function runValidate(options: readonly string[]): Promise<ChildRun> {
  const reports = mkdtempSync(join(tmpdir(), 'qwen-pcc-bench-'));
  try {
    return await runCommand(['validate', '--out', reports, ...options]);
  } finally {
    rmSync(reports, { recursive: true });
  }
}
