// Benchmark of a run's scale: a million tokens in 16 prompts, and 20,000 prompts of one token; memory, log, gate, reading, overhead.
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseRunRecord } from '../record/run-record.ts';
import type { Benchmark, BenchmarkTarget, BenchResult } from './benchmark.ts';
import { type ChildRun, runCommand, runScript } from './child-run.ts';
import type { StepFigures } from './scale/step.ts';

const TOKENS = Number(process.env['QWEN_PCC_BENCH_TOKENS'] ?? 1_000_000);
const PROMPTS = 16;
const SHORT_PROMPTS = 20_000;
const SHARDS = '4';
const STEP = fileURLToPath(new URL('scale/step.js', import.meta.url));
const TINY = fileURLToPath(new URL('../../../fixtures/tiny-qwen2', import.meta.url));
const LOG = 'run.jsonl';
/** Of a log that a killed run leaves: it stops within a prompt. */
const KEPT_SHARE = 0.9;

const MEMORY: BenchmarkTarget = { relation: 'at most', value: 1e9 / 2 ** 30 };
const OVERHEAD: BenchmarkTarget = { relation: 'at most', value: 60 };

export const benchmark: Benchmark = {
  name: 'scale',
  description: `${TOKENS} tokens in ${PROMPTS} prompts (QWEN_PCC_BENCH_TOKENS), ${SHORT_PROMPTS} prompts of one token; seconds of processor time`,
  isLong: true,
  async run() {
    const folder = mkdtempSync(join(tmpdir(), 'qwen-pcc-scale-'));
    try {
      return [
        ...(await measureLongRun(join(folder, 'long'))),
        ...(await measureShortPrompts(join(folder, 'short'))),
        ...(await measureCommand(folder)),
      ];
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function measureLongRun(parent: string): Promise<BenchResult[]> {
  const size = [String(TOKENS), String(PROMPTS)];
  const run = await runStep('run', parent, ...size);
  const folder = join(parent, 'last');
  const bytes = statSync(join(folder, LOG)).size;
  const read = await runStep('read', folder);
  await runStep('split', folder, SHARDS);
  const merged = await runStep('merge', folder, SHARDS);
  const killed = join(parent, 'killed');
  mkdirSync(killed);
  copyFileSync(join(folder, LOG), join(killed, LOG));
  copyFileSync(join(folder, 'local.json'), join(killed, 'local.json'));
  truncateSync(join(killed, LOG), Math.floor(bytes * KEPT_SHARE));
  const resumed = await runStep('resume', killed, ...size);
  return [
    seconds('run', run, 'run'),
    ...peakOf('run', run.child),
    { name: 'log, of a token', unit: 'bytes', samples: [bytes / TOKENS], target: { relation: 'at most', value: 1500 } },
    { ...seconds("the gate's verdict", run, 'gate'), target: { relation: 'at most', value: 20 } },
    seconds('all that run.json has', run, 'conclude'),
    seconds('readRun', read, 'read'),
    ...peakOf('readRun', read.child),
    seconds(`mergeRuns of ${SHARDS} shards`, merged, 'merge'),
    ...peakOf('mergeRuns', merged.child),
    seconds('resumeRun', resumed, 'resume'),
    ...peakOf('resumeRun and the rest of the run', resumed.child),
  ];
}

async function measureShortPrompts(parent: string): Promise<BenchResult[]> {
  const run = await runStep('run', parent, String(SHORT_PROMPTS), String(SHORT_PROMPTS));
  const read = await runStep('read', join(parent, 'last'));
  const { run: total, computing } = run.figures.seconds;
  return [
    { name: 'short prompts, overhead', unit: 's', samples: [total! - computing!], target: OVERHEAD },
    ...peakOf('short prompts', run.child),
    seconds('short prompts, all that run.json has', run, 'conclude'),
    seconds('short prompts, readRun', read, 'read'),
  ];
}

/** The command from its first line to its last, on the packaged tiny checkpoint; wall time, without that of the two sides. */
async function measureCommand(folder: string): Promise<BenchResult[]> {
  const prompts = join(folder, 'prompts.json');
  const entries = Array.from({ length: SHORT_PROMPTS }, (_, i) => ({ name: `prompt-${i}`, ids: [i % 1000] }));
  writeFileSync(prompts, JSON.stringify(entries));
  const out = join(folder, 'reports');
  const options = ['--weights', TINY, '--prompts', prompts, '--max-new-tokens', '0', '--out', out];
  const child = await runCommand(['validate', ...options], { accept: [0, 1] });
  const { usage } = parseRunRecord(readFileSync(join(out, 'last', 'run.json'), 'utf8'));
  const { openMs, goldenMs, actualMs } = usage!;
  const sides = (openMs.golden + openMs.actual + goldenMs + actualMs) / 1000;
  return [
    { name: 'command, both sides', unit: 's of wall time', samples: [sides] },
    { name: 'command, overhead', unit: 's of wall time', samples: [child.seconds - sides], target: OVERHEAD },
    ...peakOf('command', child),
  ];
}

interface Step {
  readonly child: ChildRun;
  readonly figures: StepFigures;
}

async function runStep(...args: readonly string[]): Promise<Step> {
  const child = await runScript(STEP, args);
  const figures = JSON.parse(child.stdout) as StepFigures;
  if (figures.status !== 'pass') throw new Error(`step ${args.join(' ')} came to ${figures.status}`);
  return { child, figures };
}

function seconds(name: string, { figures }: Step, part: string): BenchResult {
  return { name, unit: 's', samples: [figures.seconds[part]!] };
}

function peakOf(name: string, { peakAnonymousGiB }: ChildRun): BenchResult[] {
  return peakAnonymousGiB === undefined
    ? []
    : [{ name: `${name}, peak memory`, unit: 'GiB', samples: [peakAnonymousGiB], target: MEMORY }];
}
