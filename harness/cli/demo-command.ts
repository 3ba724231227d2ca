// qwen-pcc demo: the original demo around the N150 model, text and speed.
import { Command } from 'commander';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { deviceEnvironmentHelp } from '../../src/device/n150/device-environment.ts';
import { describeKnobs } from '../../src/device/n150/device-options.ts';
import type { PackingProgress } from '../../src/device/n150/device-weights.ts';
import { EXIT_CODES } from '../../src/errors.ts';
import { requireWritable, writeOutput } from '../demo/demo-output.ts';
import { batchFileText, batchText, demoHeader, iterationLines, performanceMetrics } from '../demo/demo-report.ts';
import { type DemoPlan, type DemoPlanOptions, demoDevice, planDemo } from '../demo/plan-demo.ts';
import { type DemoBatch, runDemo } from '../demo/run-demo.ts';
import { createProgress } from '../report/progress.ts';
import { packageFile } from '../sources/package-root.ts';
import { MAX_NEW_TOKENS_DEFAULT, MAX_SEQ_LEN_DEFAULT } from '../sources/plan.ts';
import { addAdapterOption } from './adapter-option.ts';
import { addWeightOptions } from './case-options.ts';
import { demoWeights } from './demo-weights.ts';
import { onInterrupt, packingUntil } from './interrupt.ts';
import { oneOf, threadCount, wholeNumber } from './option-values.ts';

const BATCH_COUNTS = ['1', '2', '3'] as const;

interface DemoOptions {
  readonly weights?: string;
  readonly adapter?: string;
  readonly batches: (typeof BATCH_COUNTS)[number];
  readonly prompts?: string;
  readonly maxNewTokens: number;
  readonly maxSeqLen: number;
  readonly fastPrefill?: boolean;
  readonly out?: string;
  readonly force?: boolean;
  readonly device: string;
  readonly threads?: number;
  readonly memory?: number;
  readonly weightCache?: string;
}

export function demoCommand(): Command {
  const command = new Command('demo')
    .description('generate text on the N150 model as the original demo does, and print the speed of this machine')
    .option(
      '--weights <weights>',
      'general (raw text) or instruct (chat template) with the checkpoint in $QWEN_DIR, else a tiny one of the package; or a checkpoint: folder, .gguf or BASE+ADAPTER (default: general, or what the checkpoint in $QWEN_DIR is)',
    );
  const generating = addAdapterOption(command)
    .option(
      '--batches <n>',
      `${BATCH_COUNTS.join(', ')}: runs of the same prompt`,
      oneOf('--batches', BATCH_COUNTS),
      '1',
    )
    .option(
      '--prompts <file>',
      'JSON array of { "prompt": text } as the original has; the batch size is 1, so every batch takes the first one (default: input_data_prefill_128.json, for instruct weights input_data_questions_prefill_128.json)',
    )
    .option(
      '--max-new-tokens <n>',
      "most decode iterations; the text gets one token more, the prefill's",
      wholeNumber('--max-new-tokens', 0),
      MAX_NEW_TOKENS_DEFAULT,
    )
    .option('--max-seq-len <n>', 'most positions of a sequence', wholeNumber('--max-seq-len', 1), MAX_SEQ_LEN_DEFAULT)
    .option('--fast-prefill', 'feed the prompt in chunks instead of one token at a time: same text, sooner')
    .option('--out <file>', 'write prompts and outputs to this file too')
    .option('--force', 'replace the file if it exists')
    .option('--device <spec>', 'n150 or n150:KNOB=VALUE,… (knobs below; demoRotOffByOne is true here)', 'n150')
    .option('--threads <n>', 'threads of the kernels (default: all)', threadCount('--threads'));
  return addWeightOptions(generating)
    .addHelpText(
      'after',
      () =>
        `\nKnobs of the N150 model, defaults of the other commands in brackets:\n${describeKnobs()}\n\n${deviceEnvironmentHelp()}`,
    )
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  const { out } = options;
  if (out !== undefined) requireWritable(out, options.force === true);
  const progress = createProgress(process.stderr);
  const device = demoDevice(options.device, process.env);
  const interrupt = onInterrupt('stopping after this token; what was generated is kept');
  const plan = planOf(options, device, packingUntil(interrupt.signal, progress));
  const { promptIds, eosTokenIds, prompt } = plan;
  const batches = Number(options.batches);
  const isFastPrefill = options.fastPrefill === true;
  const finished: DemoBatch[] = [];
  let source: LogitsSource | undefined;
  try {
    progress.start(promptIds.length);
    source = await plan.openDevice();
    progress.close();
    process.stdout.write(
      demoHeader({
        family: plan.family,
        model: plan.model,
        device: source.info.label,
        demoRotOffByOne: device.demoRotOffByOne,
        isFastPrefill,
        promptLengths: [promptIds.length],
        batches,
      }),
    );
    progress.start(promptIds.length);
    await runDemo(source, {
      promptIds,
      eosTokenIds,
      batches,
      isFastPrefill,
      maxIterations: options.maxNewTokens,
      maxSeqLen: options.maxSeqLen,
      signal: interrupt.signal,
      onPrefill(batch, positions) {
        progress.advance('prefill', `batch ${batch}`, positions);
        if (positions === promptIds.length) progress.close();
      },
      onIteration(batch) {
        process.stdout.write(iterationLines(batch, plan.decode([...promptIds, ...batch.tokenIds])));
      },
      onBatch(batch) {
        progress.close();
        finished.push(batch);
        process.stdout.write(batchText(batch, prompt, plan.decode(batch.tokenIds)));
        if (out !== undefined) {
          writeOutput(out, finished.map((one) => batchFileText(one, prompt, plan.decode(one.tokenIds))).join(''));
        }
        if (finished.length < batches) progress.start(promptIds.length);
      },
    });
    if (finished[0] !== undefined) process.stdout.write(performanceMetrics(finished[0]));
    if (interrupt.signal.aborted) process.exitCode = EXIT_CODES.interrupted;
  } finally {
    progress.close();
    interrupt.release();
    await source?.close();
  }
}

function planOf(options: DemoOptions, device: DemoPlanOptions['device'], onPacking: PackingProgress): DemoPlan {
  const { prompts, maxSeqLen, threads, memory, weightCache } = options;
  const qwenDir = process.env['QWEN_DIR'];
  return planDemo({
    ...demoWeights(options, qwenDir),
    ...(prompts === undefined ? {} : { prompts }),
    defaultPrompts: {
      general: packageFile('fixtures/prompts/input_data_prefill_128.json'),
      instruct: packageFile('fixtures/prompts/input_data_questions_prefill_128.json'),
    },
    maxSeqLen,
    device,
    resources: {
      ...(threads === undefined ? {} : { threads }),
      ...(memory === undefined ? {} : { memoryBytes: memory }),
      ...(weightCache === undefined ? {} : { weightCache }),
      ...(qwenDir === undefined ? {} : { qwenDir }),
      onPacking,
    },
  });
}
