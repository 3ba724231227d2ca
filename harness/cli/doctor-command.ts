// qwen-pcc doctor: what this machine and checkpoint can run, and whether vectors are reproduced bit for bit.
import { existsSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { type CoreCounts, coreCounts, gridText } from '../../src/device/n150/chip.ts';
import { deviceEnvironmentHelp, readDeviceEnvironment } from '../../src/device/n150/device-environment.ts';
import { DEFAULT_N150_CONFIG } from '../../src/device/n150/recipes.ts';
import { checkVectors, type VectorReport } from '../../src/device/n150/vector-check/check-vectors.ts';
import { createKernelMatmulEngine } from '../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { EXIT_CODES, QwenPccError } from '../../src/errors.ts';
import { availableMemory, defaultThreads } from '../../src/machine.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { formatBytes, formatDuration } from '../report/format.ts';
import { createChalk, plainTable } from '../report/plain-table.ts';
import { describeEnvironment } from '../run/environment.ts';
import { type EstimatedJob, estimateRun, type RunEstimate } from '../run/estimate-run.ts';
import { parseDeviceSpec } from '../sources/device-spec.ts';
import { Models } from '../sources/models.ts';
import { rememberInWeightCache } from '../sources/open-n150.ts';
import { packageVersion } from '../sources/package-root.ts';
import { MAX_NEW_TOKENS_DEFAULT, MAX_SEQ_LEN_DEFAULT } from '../sources/plan.ts';
import type { PlanRequest } from '../sources/plan-request.ts';
import { planRun } from '../sources/plan-run.ts';
import { addAdapterOption } from './adapter-option.ts';
import { chooseWeights, defaultPrompts } from './case-options.ts';
import { byteCount, threadCount } from './option-values.ts';

interface DoctorOptions {
  readonly weights?: string[];
  readonly adapter?: string;
  readonly vectors?: string;
  readonly out: string;
  readonly threads?: number;
  readonly memory?: number;
  readonly weightCache?: string;
  readonly json?: boolean;
}

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description(
      'what this machine and checkpoint can run; with --vectors, whether the device model reproduces them bit for bit',
    )
    .option(
      '--weights <dir...>',
      'checkpoints to look at: folder, .gguf or BASE+ADAPTER (default: $QWEN_DIR if set, else both tiny ones of the package)',
    );
  return addAdapterOption(command)
    .option('--vectors <dir>', 'check every vector file of this folder; exit code 1 on any mismatch')
    .option('--out <dir>', 'where run folders would go', 'reports')
    .option('--threads <n>', 'threads of the kernels (default: all)', threadCount('--threads'))
    .option(
      '--memory <size>',
      'as for validate: packed weights that may stay in memory (default: 70 % of the free memory)',
      byteCount('--memory'),
    )
    .option('--weight-cache <dir>', 'as for validate: where packed weights are kept')
    .option('--json', 'print JSON')
    .addHelpText('after', () => `\n${deviceEnvironmentHelp()}`)
    .action(doctor);
}

async function doctor(options: DoctorOptions): Promise<void> {
  const { gridRows = DEFAULT_N150_CONFIG.gridRows } = readDeviceEnvironment(process.env);
  if (options.vectors !== undefined) return doctorVectors(options.vectors, options);
  const machine = describeMachine(options.out);
  const checkpoints: CheckpointFacts[] = [];
  for (const folder of chooseWeights(options.weights, undefined, options.adapter).folders) {
    checkpoints.push(await describeCheckpoint(folder, gridRows, options));
  }
  if (options.json === true) {
    process.stdout.write(
      `${JSON.stringify({ version: packageVersion(), ...machine, grid: gridText(gridRows), checkpoints }, null, 2)}\n`,
    );
    return;
  }
  const { environment } = machine;
  const threads = options.threads ?? defaultThreads();
  const chalk = createChalk(process.env);
  const facts: [string, string][] = [
    ['qwen-pcc', packageVersion()],
    ['node', environment.node],
    ['system', environment.os],
    [
      'processor',
      `${environment.cpu}, ${environment.threads} threads${threads === environment.threads ? '' : `, ${threads} used`}`,
    ],
    ['memory', `${formatBytes(machine.freeMemoryBytes)} free of ${formatBytes(environment.memoryBytes)}`],
    ['disk', `${formatBytes(machine.freeDiskBytes)} free for ${options.out}`],
    ['N150 grid', gridText(gridRows)],
    ...Object.entries(environment.packages),
  ];
  const rows = checkpoints.map((checkpoint) => [
    checkpoint.name,
    `${checkpoint.layers} layers, H ${checkpoint.hiddenSize}, V ${checkpoint.vocabSize}`,
    formatBytes(checkpoint.weightBytes),
    formatBytes(checkpoint.estimate.device.packedBytes),
    checkpoint.estimate.device.cachedBytes === 0 ? 'none' : formatBytes(checkpoint.estimate.device.cachedBytes),
    checkpoint.estimate.device.mode,
    formatBytes(checkpoint.estimate.device.memoryBytes),
    formatBytes(checkpoint.keyValueBytes),
  ]);
  process.stdout.write(`${plainTable(['machine', ''], facts, 2, chalk)}\n\n`);
  const header = [
    'checkpoint',
    'shape',
    'weights',
    'packed',
    'cached',
    'N150 weights',
    'at once',
    `KV at ${MAX_SEQ_LEN_DEFAULT}`,
  ];
  const encodings = checkpoints.flatMap(({ name, encoding }) => (encoding === null ? [] : [`${name}: ${encoding}\n`]));
  process.stdout.write(
    `${plainTable(header, rows, 2, chalk)}\n${encodings.join('')}\n${estimateTable(checkpoints, machine, chalk)}\n`,
  );
}

/** The cost of the default run on this machine, in the terms that a run states after it. */
function estimateTable(
  checkpoints: readonly CheckpointFacts[],
  machine: Machine,
  chalk: ReturnType<typeof createChalk>,
): string {
  const rows = checkpoints.map(({ name, prompts, estimate }) => {
    const { seconds, memoryBytes, readBytes, writeBytes } = estimate;
    const memory = memoryBytes.reference + memoryBytes.device;
    return [
      name,
      `${prompts}, ${estimate.together} together`,
      `≤ ${estimate.positions}`,
      `≥ ${formatDuration(seconds.reference * 1000)}, ${estimate.referenceWeights}`,
      `≥ ${formatDuration(seconds.device * 1000)}`,
      seconds.packing === 0 ? 'none' : `≥ ${formatDuration(seconds.packing * 1000)}`,
      formatBytes(memory),
      formatBytes(readBytes),
      writeBytes === 0 ? 'none' : formatBytes(writeBytes),
      verdictOfEstimate(estimate, machine, chalk),
    ];
  });
  const header = [
    'default run',
    'prompts',
    'positions',
    'reference',
    'device',
    'packing',
    'memory',
    'disk reads',
    'disk writes',
    'verdict',
  ];
  return plainTable(header, rows, 1, chalk);
}

/** What validate would say of it, or whether memory and disk suffice. */
function verdictOfEstimate(
  { device, memoryBytes, writeBytes }: RunEstimate,
  machine: Machine,
  chalk: ReturnType<typeof createChalk>,
): string {
  if (device.needsWeightCache) return chalk.red('needs --weight-cache');
  const fits =
    memoryBytes.reference + memoryBytes.device < machine.freeMemoryBytes && writeBytes < machine.freeDiskBytes;
  return fits ? chalk.green('fits') : chalk.red('too large');
}

interface Machine {
  readonly environment: ReturnType<typeof describeEnvironment>;
  readonly freeMemoryBytes: number;
  readonly freeDiskBytes: number;
}

function describeMachine(out: string): Machine {
  let folder = path.resolve(out);
  while (!existsSync(folder)) folder = path.dirname(folder);
  const disk = statfsSync(folder);
  return {
    environment: describeEnvironment(),
    freeMemoryBytes: availableMemory(),
    freeDiskBytes: disk.bavail * disk.bsize,
  };
}

interface CheckpointFacts {
  readonly name: string;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  /** Of the weight files' tensors, as stored. */
  readonly weightBytes: number;
  /** How quantised weights are stored; null for plain ones. */
  readonly encoding: string | null;
  /** Of the default run. */
  readonly prompts: number;
  /** Of it with the device's default knobs. */
  readonly estimate: RunEstimate;
  /** float32 keys and values of both sides. */
  readonly keyValueBytes: number;
  /** Of the device on the grid of this environment. */
  readonly cores: CoreCounts;
}

/** @throws InputError, UnsupportedError of the checkpoint or its tokenizer. */
async function describeCheckpoint(
  folder: string,
  gridRows: number,
  { memory, weightCache, threads }: DoctorOptions,
): Promise<CheckpointFacts> {
  const models = new Models();
  const { checkpoint, family } = models.open(folder);
  const job = await defaultJob(folder, models);
  const cacheFolder = rememberInWeightCache(checkpoint, family === 'instruct', DEFAULT_N150_CONFIG, {
    weightCache,
    qwenDir: process.env['QWEN_DIR'],
  });
  const { layers, hiddenSize, vocabSize, keyValueHeads, headDim } = checkpoint.config;
  const tensors = [...checkpoint.tensors.values()];
  return {
    name: checkpoint.name,
    layers,
    hiddenSize,
    vocabSize,
    encoding: checkpoint.encoding ?? null,
    weightBytes: tensors.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
    prompts: job.prompts.length,
    estimate: await estimateRun(checkpoint, job, { memoryBytes: memory, cacheFolder, threads }),
    keyValueBytes: 2 * 2 * 4 * layers * keyValueHeads * headDim * MAX_SEQ_LEN_DEFAULT,
    cores: coreCounts(checkpoint.config, gridRows),
  };
}

/** The prompts that a run has which is given none; as long as the original demo's where the checkpoint has no tokenizer for them. */
async function defaultJob(folder: string, models: Models): Promise<EstimatedJob> {
  const pccMinimum = DEFAULT_PCC_MINIMUM;
  const request: PlanRequest = {
    weights: [folder],
    defaultPrompts: defaultPrompts(),
    devices: [parseDeviceSpec('n150', process.env)],
    reference: { kind: 'onnx' },
    precision: 'fp32',
    mode: 'teacherForced',
    judge: { semantics: 'strict', pccMinimum, rules: defaultRules({ pccMinimum }) },
  };
  try {
    const { spec } = await planRun(request, models);
    return { prompts: spec.cases[0]!.prompts, limits: spec.limits };
  } catch (error) {
    if (!(error instanceof QwenPccError)) throw error;
    const prompts = Array.from({ length: ASSUMED.prompts }, (_, i) => ({
      name: `${i}`,
      user: 0,
      promptIds: new Array<number>(ASSUMED.tokens).fill(0),
      continuationIds: null,
      positions: null,
    }));
    return { prompts, limits: { maxNewTokens: MAX_NEW_TOKENS_DEFAULT, maxSeqLen: MAX_SEQ_LEN_DEFAULT } };
  }
}

const ASSUMED = { prompts: 8, tokens: 128 } as const;

async function doctorVectors(folder: string, options: DoctorOptions): Promise<void> {
  const engine = await createKernelMatmulEngine({ threads: options.threads ?? defaultThreads() });
  let report: VectorReport;
  try {
    report = checkVectors(folder, engine);
  } finally {
    await engine.close();
  }
  process.exitCode = report.passed ? EXIT_CODES.pass : EXIT_CODES.accuracyFail;
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return;
  }
  const chalk = createChalk(process.env);
  const rows = report.files.map(({ name, state, subject, comparison, message }) => [
    name,
    comparison === undefined ? '' : String(comparison.cases),
    comparison === undefined ? '' : String(comparison.mismatches),
    verdictOf(state, comparison?.mismatches ?? 0, chalk),
    comparison?.firstMismatch ?? message ?? (subject === 'outside the graph' ? subject : ''),
  ]);
  process.stdout.write(`${plainTable(['vectors', 'cases', 'mismatches', 'verdict', 'note'], rows, 5, chalk)}\n\n`);
  const checked = report.files.filter(({ state }) => state === 'checked').length;
  const word = report.passed ? chalk.green.bold('PASS') : chalk.red.bold('FAIL');
  process.stdout.write(`${word}  ${report.cases} cases in ${checked} files, ${report.mismatches} mismatches\n`);
}

function verdictOf(
  state: VectorReport['files'][number]['state'],
  mismatches: number,
  chalk: ReturnType<typeof createChalk>,
): string {
  if (state !== 'checked') return state === 'unreadable' ? chalk.red(state) : chalk.dim(state);
  return mismatches === 0 ? chalk.green('pass') : chalk.red('fail');
}
