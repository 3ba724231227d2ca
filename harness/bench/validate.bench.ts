// Benchmark of the main job as a user runs it: a child process, its wall time and its peak memory.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Benchmark, BenchmarkTarget, BenchResult } from './benchmark.ts';

const MAIN = fileURLToPath(new URL('../cli/main.js', import.meta.url));
/** From dist/harness/bench to the package. */
const REAL_PROMPT = new URL('../../../fixtures/golden-real/smollm2-0.json', import.meta.url);
const ROUNDS = 3;
const POLL_MS = 20;
const KIBIBYTES_PER_GIB = 2 ** 20;

interface ChildRun {
  readonly seconds: number;
  /** Largest resident set; undefined where /proc is missing. */
  readonly peakGiB: number | undefined;
}

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

function runValidate(options: readonly string[]): Promise<ChildRun> {
  const reports = mkdtempSync(join(tmpdir(), 'qwen-pcc-bench-'));
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(process.execPath, [MAIN, 'validate', '--out', reports, ...options], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let peakGiB: number | undefined;
    let messages = '';
    child.stderr.on('data', (text: Buffer) => {
      messages += text.toString();
    });
    const poll = setInterval(() => {
      peakGiB = peakMemoryGiB(child.pid) ?? peakGiB;
    }, POLL_MS);
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(poll);
      rmSync(reports, { recursive: true });
      if (code === 0) resolve({ seconds: (performance.now() - start) / 1000, peakGiB });
      else reject(new Error(`validate ended with exit code ${code}:\n${messages}`));
    });
  });
}

/** The kernel keeps the peak itself, so a slow poll misses only what the last moments add. */
function peakMemoryGiB(pid: number | undefined): number | undefined {
  try {
    const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match === null ? undefined : Number(match[1]) / KIBIBYTES_PER_GIB;
  } catch {
    return undefined;
  }
}
