// Benchmark at full size: Qwen2-7B with all its layers, how cost grows with layers and positions, decode, one layer of 72B.
import { existsSync, mkdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../../src/errors.ts';
import type { Benchmark, BenchResult } from './benchmark.ts';
import { benchDecode } from './full-size/decode.ts';
import { benchDefaultJob } from './full-size/default-job.ts';
import { benchFullModel } from './full-size/full-model.ts';
import { benchLayers } from './full-size/layers.ts';
import { benchLongSequence } from './full-size/long-sequence.ts';
import { benchSeventyTwoB } from './full-size/seventy-two-b.ts';
import { Workspace } from './full-size/workspace.ts';

/** Checkpoint and weight cache of 7B are 23 GB; 14 layers of it lie beside them for a while. */
const DISK_BYTES = 45e9;

export const benchmark: Benchmark = {
  name: 'full-size',
  description:
    'Qwen2-7B, synthetic weights: 28 layers x 248 positions, 7 / 14 / 28 layers, 4096 positions, decode; 16 greedy prompts; 72B, one layer',
  isLong: true,
  async run() {
    const folder = process.env['QWEN_PCC_BENCH_DIR'] ?? join(tmpdir(), 'qwen-pcc-full-size');
    requireDisk(folder);
    const workspace = new Workspace(folder);
    const results: BenchResult[] = [];
    for (const part of chosenParts()) results.push(...(await part(workspace)));
    if (process.env['QWEN_PCC_BENCH_DIR'] === undefined) rmSync(folder, { recursive: true });
    return results;
  },
};

const PARTS = {
  model: benchFullModel,
  'default-job': benchDefaultJob,
  layers: benchLayers,
  'long-sequence': benchLongSequence,
  decode: benchDecode,
  '72b': benchSeventyTwoB,
} as const;

/** Those that QWEN_PCC_BENCH_PARTS names, by commas; all without it. */
function chosenParts(): readonly (typeof PARTS)[keyof typeof PARTS][] {
  const asked = process.env['QWEN_PCC_BENCH_PARTS']?.split(',');
  const unknown = asked?.find((name) => !Object.keys(PARTS).includes(name));
  if (unknown !== undefined) {
    throw new InputError(`QWEN_PCC_BENCH_PARTS: there is no part "${unknown}".`, {
      code: 'BENCH_PART',
      facts: { wanted: Object.keys(PARTS).join(', ') },
      hint: 'name some of these, with commas between them.',
    });
  }
  return Object.entries(PARTS).flatMap(([name, part]) => (asked?.includes(name) === false ? [] : [part]));
}

function requireDisk(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const { bavail, bsize } = statfsSync(folder);
  const has7b = existsSync(join(folder, '7B-28', 'config.json'));
  if (has7b || bavail * bsize >= DISK_BYTES) return;
  throw new InputError(`${folder}: too little space for checkpoints of full size.`, {
    code: 'DISK_SPACE',
    facts: { found: `${Math.floor((bavail * bsize) / 1e9)} GB`, wanted: `${DISK_BYTES / 1e9} GB` },
    hint: 'name another folder with QWEN_PCC_BENCH_DIR; what is made there is kept for the next time.',
  });
}
