// `npm run real-model`: makes a real Qwen2 checkpoint, judges it, and says what its key biases cost.
import { mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSafetensorsHeader, readTensorInt32 } from '../../../src/checkpoint/safetensors.ts';
import { openCheckpoint } from '../../../src/checkpoint/weights.ts';
import { createKernelMatmulEngine } from '../../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { packageFile } from '../../sources/package-root.ts';
import { judgeRealModel } from './judge.ts';
import { describeKeys } from './key-experiment.ts';
import { requireCheckpoint } from './make-checkpoint.ts';

const PARTS = ['judge', 'keys'] as const;

/** The chat prompt of which real ttnn kernels were recorded, too. */
const RECORDED_PROMPT = 'fixtures/golden-ttnn/qwen25-coder-capital.safetensors';

/** @param words - of `judge` and `keys`, none: both; further words are the prompts to judge, none: all. */
export async function runRealModel(words: readonly string[]): Promise<void> {
  const isPart = (word: string): boolean => (PARTS as readonly string[]).includes(word);
  const parts = words.filter(isPart);
  const prompts = words.filter((word) => !isPart(word));
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const folder = requireCheckpoint(process.env, say);
  const does = (part: (typeof PARTS)[number]): boolean => parts.length === 0 || parts.includes(part);
  if (does('judge')) {
    const out = mkdtempSync(join(tmpdir(), 'qwen-pcc-real-model-runs-'));
    process.stdout.write(`${await judgeRealModel(folder, prompts, out, say)}\n\n`);
    say(`runs: ${out}`);
  }
  if (does('keys')) {
    const engine = await createKernelMatmulEngine({ threads: availableParallelism() });
    const tokenIds = readTensorInt32(readSafetensorsHeader(packageFile(RECORDED_PROMPT)), 'input_ids');
    try {
      process.stdout.write(`${await describeKeys(openCheckpoint(folder), tokenIds, engine)}\n`);
    } finally {
      await engine.close();
    }
  }
}
