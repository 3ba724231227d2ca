// From checkpoint folders, prompts and device to cases that can run.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createReference, type Precision } from '../../reference/onnx-reference.ts';
import { longestSequence } from '../../src/checkpoint/config.ts';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/weights.ts';
import { createCaptureSource } from '../../src/device/capture/capture-source.ts';
import { openRecording, type Recording } from '../../src/device/capture/recording.ts';
import type { RecordedPrompt } from '../../src/device/capture/recording-format.ts';
import type { LogitsSource, SourceInfo, TapName } from '../../src/device/logits-source.ts';
import { coreCounts } from '../../src/device/n150/chip.ts';
import { ComparisonInvalidError, UsageError } from '../../src/errors.ts';
import { encodePrompt } from '../../src/text/encode-prompt.ts';
import { readPrompts } from '../../src/text/prompts.ts';
import { selectPrompts } from '../../src/text/select-prompts.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import type { RunCase } from '../run/run-validate.ts';
import type { DeviceSpec, ReferenceSpec } from './device-spec.ts';
import { type DeviceResources, openN150, rememberInWeightCache } from './open-n150.ts';
import {
  caseNames,
  type PlannedPrompt,
  requireRunnable,
  type SequenceLimits,
  type WeightsFamily,
  weightsFamily,
} from './plan.ts';
import { allTaps } from './taps.ts';

/** `threads` are those of each side. */
export interface CaseOptions extends DeviceResources {
  /** Checkpoint folders, a case each. */
  readonly weights: readonly string[];
  /** Checkpoint of the device alone, beside every reference. */
  readonly deviceWeights?: string;
  /** Prompt file for all cases; without it a recording's own plan, else `defaultPrompts`. */
  readonly prompts?: string;
  /** Prompt file of each family. */
  readonly defaultPrompts: Readonly<Record<WeightsFamily, string>>;
  /** YYYY-MM-DD, what chat templates take for today; without it those that ask are refused. */
  readonly templateDate?: string;
  /** Names of the prompts to run; all without it. */
  readonly only?: readonly string[];
  /** Prompts of a case by its name, in the place of any file. */
  readonly given?: (caseName: string) => readonly PlannedPrompt[];
  readonly device: DeviceSpec;
  readonly reference: ReferenceSpec;
  readonly precision: Precision;
  readonly limits: SequenceLimits;
  /** Taps that the reference prepares for; none without it. */
  readonly taps?: readonly TapName[] | 'all';
}

/** The token that ends a turn in Qwen2's chat template. */
const CHAT_END = '<|im_end|>';
/** In the place of the sha256 of a tokenizer.json that the folder does not have. */
const NO_TOKENIZER = 'none';

/**
 * Opens checkpoints, tokenizers and recordings (headers only), encodes the prompts and refuses what cannot run.
 *
 * @throws UsageError, InputError, UnsupportedError, ComparisonInvalidError, each naming the file.
 */
export function openCases(options: CaseOptions): RunCase[] {
  const recordings = openRecordings(options);
  const models = options.weights.map((folder) => openModel(folder));
  if (recordings.planned !== undefined && models.length > 1) {
    throw new UsageError(
      `${recordings.planned.name} is a recording of one checkpoint, but ${models.length} are given.`,
      {
        code: 'RECORDING_WEIGHTS',
        facts: { found: models.map(({ checkpoint }) => checkpoint.name).join(', ') },
        hint: 'give the one checkpoint that was recorded with --weights.',
      },
    );
  }
  const names = caseNames(models.map(({ checkpoint, family }) => ({ family, model: checkpoint.name })));
  return models.map((model, i) => {
    const { checkpoint, tokenizer } = model;
    const prompts = options.given?.(names[i]!) ?? planPrompts(model, names[i]!, options, recordings.planned);
    const { vocabSize, eosTokenIds } = checkpoint.config;
    const longest = longestSequence(checkpoint.config);
    requireRunnable(prompts, { model: checkpoint.name, vocabSize, longest }, options.limits);
    if (options.device.kind === 'n150') {
      coreCounts(checkpoint.config, options.device.config.gridRows);
      rememberInWeightCache(checkpoint, model.family === 'instruct', options.device.config, options);
    }
    return {
      name: names[i]!,
      prompts,
      eosTokenIds,
      tokenizerSha256: tokenizer?.sha256 ?? NO_TOKENIZER,
      textOf: (tokenId) => tokenizer?.tokenText(tokenId) ?? idText(tokenId),
      decode: (tokenIds) => tokenizer?.decode(tokenIds) ?? [...tokenIds].map(idText).join(''),
      layers: checkpoint.config.layers,
      openReference: () => openReference(checkpoint, options, recordings.reference),
      openDevice: () => openDevice(model, options, recordings.device),
    };
  });
}

/** How a token is shown without a tokenizer. */
function idText(tokenId: number): string {
  return `<id ${tokenId}>`;
}

interface Recordings {
  readonly device?: Recording;
  readonly reference?: Recording;
  /** The one that brings its own plan when there is no prompt file: the device's before the reference's. */
  readonly planned: Recording | undefined;
}

function openRecordings({ device, reference }: CaseOptions): Recordings {
  const captured = device.kind === 'capture' ? openRecording(device.file) : undefined;
  const golden = reference.kind === 'golden' ? openRecording(reference.file) : undefined;
  return {
    ...(captured === undefined ? {} : { device: captured }),
    ...(golden === undefined ? {} : { reference: golden }),
    planned: captured ?? golden,
  };
}

export interface Model {
  readonly checkpoint: Checkpoint;
  /** Undefined for a folder without tokenizer.json: its prompts have to be ids. */
  readonly tokenizer: Tokenizer | undefined;
  readonly family: WeightsFamily;
}

/** Headers and tokenizer only. @throws InputError, UnsupportedError of the checkpoint or its tokenizer. */
export function openModel(folder: string): Model {
  const checkpoint = openCheckpoint(folder);
  const tokenizer = existsSync(join(folder, 'tokenizer.json')) ? loadTokenizer(folder) : undefined;
  const chatEnd = tokenizer?.encode(CHAT_END) ?? [];
  const chatEndId = chatEnd.length === 1 ? chatEnd[0] : undefined;
  return { checkpoint, tokenizer, family: weightsFamily(checkpoint.name, checkpoint.config.eosTokenIds, chatEndId) };
}

function planPrompts(
  { checkpoint, tokenizer, family }: Model,
  caseName: string,
  options: CaseOptions,
  recording: Recording | undefined,
): PlannedPrompt[] {
  const { only } = options;
  const chosen = <T extends { readonly name: string }>(file: string, prompts: readonly T[]): readonly T[] =>
    only === undefined ? prompts : selectPrompts([{ caseName, file, prompts }], only)[0]!;
  if (options.prompts === undefined && recording !== undefined) {
    return chosen(recording.name, recording.prompts).map(recordedPlan);
  }
  const file = options.prompts ?? options.defaultPrompts[family];
  const { templateDate } = options;
  const context = { tokenizer, vocabSize: checkpoint.config.vocabSize, path: file, caseName, templateDate };
  return chosen(file, readPrompts(file)).map((entry) => {
    const { name, promptIds, continuationIds } = encodePrompt(entry, context);
    return {
      name,
      promptIds: Int32Array.from(promptIds),
      ...(continuationIds === undefined ? {} : { continuationIds: Int32Array.from(continuationIds) }),
    };
  });
}

/** What was recorded is forced again, so that no token is left to choose. */
function recordedPlan({ name, inputIds, promptLength = inputIds.length }: RecordedPrompt): PlannedPrompt {
  return { name, promptIds: inputIds.subarray(0, promptLength), continuationIds: inputIds.subarray(promptLength) };
}

async function openReference(
  checkpoint: Checkpoint,
  options: CaseOptions,
  golden: Recording | undefined,
): Promise<LogitsSource> {
  if (golden !== undefined) {
    await requireGoldenOf(checkpoint, golden);
    return createCaptureSource(golden, { kind: 'golden-file' });
  }
  const { precision, threads, taps } = options;
  return createReference(checkpoint, {
    precision,
    ...(threads === undefined ? {} : { threads }),
    ...(taps === undefined ? {} : { taps: taps === 'all' ? allTaps(checkpoint.config.layers) : taps }),
  });
}

/** A golden file that says what it was recorded from must be of this checkpoint. */
async function requireGoldenOf(checkpoint: Checkpoint, golden: Recording): Promise<void> {
  const { source } = golden.metadata;
  const recorded = source === undefined ? undefined : (JSON.parse(source) as Partial<SourceInfo>).weightsSha256;
  const wanted = recorded === undefined ? undefined : await checkpoint.sha256();
  if (recorded === wanted) return;
  throw new ComparisonInvalidError(`${golden.name} was recorded from other weights than ${checkpoint.name}.`, {
    code: 'GOLDEN_OF_OTHER_WEIGHTS',
    facts: { recorded: `sha256 ${recorded}`, [checkpoint.name]: `sha256 ${wanted}` },
    hint: 'record it anew with `qwen-pcc record --source reference`, or give its checkpoint with --weights.',
  });
}

async function openDevice(
  { checkpoint, family }: Model,
  options: CaseOptions,
  captured: Recording | undefined,
): Promise<LogitsSource> {
  const { device, deviceWeights } = options;
  if (captured !== undefined || device.kind === 'capture') return createCaptureSource(captured!);
  const own = deviceWeights === undefined ? checkpoint : openCheckpoint(deviceWeights);
  return openN150(own, own === checkpoint && family === 'instruct', device.config, options);
}
