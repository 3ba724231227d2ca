// Benchmark of a league: a base and eight sets of knobs beside one reference, against the time that their devices take in the same run.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunRecord } from '../record/run-record.ts';
import type { Benchmark } from './benchmark.ts';
import { runCommand } from './child-run.ts';

const TINY = fileURLToPath(new URL('../../../fixtures/tiny-qwen2', import.meta.url));
const ROUNDS = 5;
/** No checkpoints: a device that stands in two differences would be counted twice. */
const VARIANTS = [
  ...['bfp4', 'bfp4-mlp', 'bf16', 'kv-bf16', 'bias-bf16'],
  ...['n150:lmHeadFormat=BFP4_B', 'n150:weightFormat=BFP4_B', 'n150:mlpFormat=BFP4_B,kvFormat=BF16'],
] as const;

export const benchmark: Benchmark = {
  name: 'compare',
  description: 'qwen-pcc compare: tiny-qwen2 and eight sets of knobs, 2 prompts, 8 tokens after each',
  async run() {
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await league());
    return [
      {
        name: 'the run / the time of its nine devices',
        unit: 'x',
        samples: rounds.map(({ run, devices }) => run / devices),
        target: { relation: 'at most', value: 1.25 },
      },
      { name: 'the run', unit: 's', samples: rounds.map(({ run }) => run) },
      { name: 'its devices, opened and fed', unit: 's', samples: rounds.map(({ devices }) => devices) },
      { name: 'comparing rows', unit: 's', samples: rounds.map(({ compare }) => compare) },
      { name: 'the command, league and reports included', unit: 's', samples: rounds.map(({ command }) => command) },
    ];
  },
};

/** Seconds. */
interface Round {
  readonly command: number;
  readonly run: number;
  readonly devices: number;
  readonly compare: number;
}

async function league(): Promise<Round> {
  const out = mkdtempSync(join(tmpdir(), 'qwen-pcc-bench-'));
  try {
    const plan = ['--prompt', 'whale-loop-code', 'long-words', '--max-new-tokens', '8'];
    const { seconds } = await runCommand(['compare', TINY, ...VARIANTS, ...plan, '--out', out]);
    const { durationMs, usage } = JSON.parse(readFileSync(join(out, 'last', 'run.json'), 'utf8')) as RunRecord;
    const { openMs, actualMs, compareMs } = usage!;
    return {
      command: seconds,
      run: durationMs! / 1000,
      devices: (openMs.actual + actualMs) / 1000,
      compare: compareMs / 1000,
    };
  } finally {
    rmSync(out, { recursive: true });
  }
}
