// `npm run real-model`: makes a real Qwen2 checkpoint, judges it, says what its key biases cost, and compares it with variants of itself.
import { mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSafetensorsHeader, readTensorInt32 } from '../../../src/checkpoint/safetensors.ts';
import { openCheckpoint } from '../../../src/checkpoint/weights.ts';
import { createKernelMatmulEngine } from '../../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { packageFile } from '../../sources/package-root.ts';
import { compareRealModel } from './compare.ts';
import { judgeRealModel } from './judge.ts';
import { describeKeys } from './key-experiment.ts';
import { requireCheckpoint, requireGguf } from './make-checkpoint.ts';

const PARTS = ['judge', 'keys', 'compare'] as const;
/** Without a word: half an hour more is asked for by name. */
const DEFAULT_PARTS: readonly string[] = ['judge', 'keys'];

/** The chat prompt of which real ttnn kernels were recorded, too. */
const RECORDED_PROMPT = 'fixtures/golden-ttnn/qwen25-coder-capital.safetensors';

/** @param words - of `judge`, `keys` and `compare`, none: the first two; further words are the prompts to judge or compare, none: all. */
export async function runRealModel(words: readonly string[]): Promise<void> {
  const isPart = (word: string): boolean => (PARTS as readonly string[]).includes(word);
  const parts = words.filter(isPart);
  const prompts = words.filter((word) => !isPart(word));
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const folder = requireCheckpoint(process.env, say);
  const does = (part: (typeof PARTS)[number]): boolean => (parts.length === 0 ? DEFAULT_PARTS : parts).includes(part);
  const runsFolder = (): string => {
    const out = mkdtempSync(join(tmpdir(), 'qwen-pcc-real-model-runs-'));
    say(`runs: ${out}`);
    return out;
  };
  if (does('judge')) {
    process.stdout.write(`${await judgeRealModel(folder, prompts, runsFolder(), say)}\n\n`);
  }
  if (does('compare')) {
    const files = { folder, gguf: requireGguf(process.env, say) };
    process.stdout.write(`${await compareRealModel(files, prompts, runsFolder(), say)}\n`);
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
