// qwen-pcc synthesize: a checkpoint of a Qwen2 model's exact size with made-up weights, to measure and to stress with.
import { Command } from 'commander';
import { createByteProgress } from '../report/byte-progress.ts';
import { countOf } from '../report/format.ts';
import {
  generationConfigJson,
  MODEL_NAMES,
  type ModelName,
  modelConfigJson,
  parseModelName,
} from '../synthesize/model-shapes.ts';
import { synthesizeCheckpoint } from '../synthesize/synthesize.ts';
import { onInterrupt } from './interrupt.ts';
import { wholeNumber } from './option-values.ts';

interface SynthesizeCommandOptions {
  readonly like: ModelName;
  readonly layers?: number;
  readonly seed: number;
  readonly force?: boolean;
}

export function synthesizeCommand(): Command {
  return new Command('synthesize')
    .description('write a checkpoint with the shapes, names and files of a real model and made-up weights')
    .argument('<dir>', 'the folder to write: an empty one, or one that does not exist')
    .requiredOption('--like <model>', `whose shapes: ${MODEL_NAMES.join(', ')}`, parseModelName)
    .option('--layers <n>', "decoder layers (default: the model's own)", wholeNumber('--layers', 1))
    .option('--seed <n>', 'selects the values; one seed gives the same bytes everywhere', wholeNumber('--seed', 0), 1)
    .option('--force', "replace the folder's config and weights; its other files stay")
    .addHelpText(
      'after',
      '\nThe weights have a scale per role, a few massive channels in the residual stream and key biases as large as\n' +
        'those measured on real models. There is no tokenizer: give prompts as ids, `[{ "name": "a", "ids": [1, 2] }]`.',
    )
    .action(synthesize);
}

async function synthesize(folder: string, { like, layers, seed, force }: SynthesizeCommandOptions): Promise<void> {
  const config = {
    _name_or_path: `made by qwen-pcc synthesize --like ${like}, seed ${seed}`,
    ...modelConfigJson(like, layers),
  };
  const interrupt = onInterrupt('stopping; nothing is left');
  const progress = createByteProgress(process.stderr);
  const startedMs = performance.now();
  try {
    const made = await synthesizeCheckpoint(folder, {
      config,
      generationConfig: generationConfigJson(),
      seed,
      force: force === true,
      signal: interrupt.signal,
      onBytes: (done, total) => progress.update(done, total),
    });
    progress.close();
    const seconds = (performance.now() - startedMs) / 1000;
    process.stdout.write(
      `${folder}: ${like}, ${countOf(made.config.layers, 'layer')}, ${countOf(made.tensors, 'tensor')} in ` +
        `${countOf(made.files.length, 'file')}, ${(made.bytes / 1e9).toFixed(2)} GB, seed ${seed}; ` +
        `${seconds.toFixed(1)} s, ${Math.round(made.bytes / 1e6 / seconds)} MB/s\n`,
    );
  } finally {
    progress.close();
    interrupt.release();
  }
}
