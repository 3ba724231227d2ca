// From a run's spec and the places of its files to cases that can run: each source is opened when its turn comes.
import path from 'node:path';
import { isDecoded } from '../../reference/graph/checkpoint-weights.ts';
import type { ReferenceOptions } from '../../reference/reference-options.ts';
import { configDifferences } from '../../src/checkpoint/config-differences.ts';
import { digestsOf } from '../../src/checkpoint/file-snapshot.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { createCaptureSource } from '../../src/device/capture/capture-source.ts';
import { openRecording, type Recording } from '../../src/device/capture/recording.ts';
import { ReplayedSequence } from '../../src/device/capture/replayed-sequence.ts';
import { checkedSource } from '../../src/device/checked-source.ts';
import type { LogitsSource, TapName } from '../../src/device/logits-source.ts';
import type { PackingProgress } from '../../src/device/n150/device-weights.ts';
import { defaultBudget } from '../../src/device/n150/weight-cache/memory-plan.ts';
import { allTaps, residualTaps } from '../../src/device/taps.ts';
import { ComparisonInvalidError, InputError } from '../../src/errors.ts';
import { vocabularyNote } from '../../src/text/encode-prompt.ts';
import type { Tokenizer } from '../../src/text/tokenizer.ts';
import type { CasePaths, LocalPaths } from '../record/local-paths.ts';
import type { CaseSpec, RunSpec, SequenceLimits, VariantSpec } from '../record/run-spec.ts';
import { configFromKnobs } from './device-spec.ts';
import { GoldenCacheUse } from './golden-cache.ts';
import { type Model, Models } from './models.ts';
import { type Lab, openLab } from './open-lab.ts';
import { type DeviceResources, openN150, planN150 } from './open-n150.ts';
import { type GoldenCachePlace, openOnnx } from './open-onnx.ts';
import type { OpenableCase, OpenableVariant, RecordedSide } from './openable-case.ts';
import { togetherOf } from './plan-together.ts';
import { rememberedTexts } from './remembered-texts.ts';
import { StepTimeout } from './step-timeout.ts';

export interface OpenOptions {
  /** Taps that the reference prepares for; none without it. */
  readonly taps?: readonly TapName[] | 'all' | 'residual';
  readonly onPacking?: PackingProgress;
  /** What was opened for planning. */
  readonly models?: Models;
}

/**
 * @param paths - of this machine, as the run keeps them beside its log.
 * @throws InputError, UnsupportedError when a file of the run is not what it was.
 */
export function openCases(spec: RunSpec, paths: LocalPaths, options: OpenOptions = {}): OpenableCase[] {
  const models = options.models ?? new Models();
  return spec.cases.map((one) => openCase(one, spec.limits, paths, models, options));
}

function openCase(
  spec: CaseSpec,
  limits: SequenceLimits,
  local: LocalPaths,
  models: Models,
  options: OpenOptions,
): OpenableCase {
  const paths = local.cases[spec.name];
  if (paths === undefined) {
    throw new InputError(`nothing says where the files of ${spec.name} are.`, {
      code: 'LOCAL_PATHS',
      hint: 'start a new run.',
    });
  }
  const model = models.open(paths.weights);
  const { checkpoint, tokenizer } = model;
  const sha256 = tokenizer?.sha256 ?? 'none';
  if (sha256 !== spec.tokenizerSha256) {
    throw new InputError(`${paths.weights}: the tokenizer is not the one that the run was planned with.`, {
      code: 'RESUME_DIFFERS',
      facts: { recorded: spec.tokenizerSha256, now: sha256 },
      hint: 'put the files back that the run was made with, or start a new run.',
    });
  }
  const use = new GoldenCacheUse();
  const cache = local.goldenCache === undefined ? undefined : { folder: local.goldenCache, use };
  const memoryBytes = deviceBudget(spec, local);
  const variants = spec.variants.map((one) =>
    openVariant(one, memoryBytes, paths, local, model, models, cache, options),
  );
  const checkpoints = [checkpoint, ...variants.flatMap(({ checkpoint: own }) => own ?? [])];
  return {
    spec,
    texts: {
      textOf: rememberedTexts((tokenId) => tokenizer?.tokenText(tokenId) ?? idText(tokenId)),
      decode: (tokenIds) => tokenizer?.decode(tokenIds) ?? [...tokenIds].map(idText).join(''),
    },
    layers: checkpoint.config.layers,
    promptsTogether: (units) => togetherOf(spec, checkpoint, checkpoints, units, limits, local),
    openReference: () => openReference(checkpoint, spec, paths, local, cache, options),
    variants: variants.map(({ openable }) => withTimeout(openable, local.stepTimeoutMs)),
    ...(cache === undefined ? {} : { goldenCacheUse: use }),
    requireUnchanged: async () => {
      for (const one of new Set(checkpoints)) await one.requireUnchanged();
    },
  };
}

function withTimeout(variant: OpenableVariant, milliseconds: number | undefined): OpenableVariant {
  if (milliseconds === undefined) return variant;
  return { ...variant, open: async () => new StepTimeout(await variant.open(), milliseconds) };
}

/** How a token is shown without a tokenizer. */
function idText(tokenId: number): string {
  return `<id ${tokenId}>`;
}

async function openReference(
  checkpoint: Checkpoint,
  spec: CaseSpec,
  paths: CasePaths,
  { threads }: LocalPaths,
  cache: GoldenCachePlace | undefined,
  { taps }: OpenOptions,
): Promise<LogitsSource> {
  if (spec.reference.kind === 'golden') {
    const golden = openRecording(
      required(
        paths.golden,
        spec.reference.recording,
        'look at what this one has stored with `qwen-pcc inspect --stored`',
      ),
    );
    await requireGoldenOf(checkpoint, golden);
    const source = await createCaptureSource(golden, { kind: 'golden-file', checkpoint });
    return checkedSource(source, 'reference', checkpoint.config);
  }
  const settings = {
    precision: spec.reference.precision,
    ...(paths.referenceWeights === undefined ? {} : { weights: paths.referenceWeights }),
    ...(threads === undefined ? {} : { threads }),
    ...(taps === undefined ? {} : { taps: tapsOf(checkpoint.config.layers, taps) }),
  };
  return openOnnx(checkpoint, settings, 'reference', cache);
}

export function tapsOf(layers: number, taps: NonNullable<OpenOptions['taps']>): readonly TapName[] {
  if (taps === 'all') return allTaps(layers);
  return taps === 'residual' ? residualTaps(layers) : taps;
}

/** A golden file that says what it was recorded from must be of this checkpoint. */
async function requireGoldenOf(checkpoint: Checkpoint, recording: Recording): Promise<void> {
  const { name, weightsSha256, configSha256 } = recording;
  const isOther = weightsSha256 !== undefined && weightsSha256 !== (await checkpoint.sha256());
  if (!isOther && (configSha256 === undefined || configSha256 === checkpoint.configSha256)) return;
  const what = isOther ? 'other weights' : 'another config.json or generation_config.json';
  throw new ComparisonInvalidError(`${name} was recorded from ${what} than ${checkpoint.name}.`, {
    code: 'GOLDEN_OF_OTHER_WEIGHTS',
    facts: {
      recorded: `sha256 ${isOther ? weightsSha256 : configSha256}`,
      [checkpoint.name]: `sha256 ${isOther ? await checkpoint.sha256() : checkpoint.configSha256}`,
    },
    hint: 'record it anew with `qwen-pcc record --source reference`, or give its checkpoint with --weights.',
  });
}

interface OpenedVariant {
  readonly openable: OpenableVariant;
  /** The device's own, if it has one. */
  readonly checkpoint: Checkpoint | undefined;
}

/** What one of a case's devices may have: they stand in memory beside each other. */
function deviceBudget({ variants }: CaseSpec, { memoryBytes }: LocalPaths): number | undefined {
  const devices = variants.filter(({ device, golden }) => device.kind === 'n150' && golden === undefined).length;
  const budget = memoryBytes ?? (devices > 1 ? defaultBudget() : undefined);
  return budget === undefined ? undefined : Math.floor(budget / devices);
}

/** @param memoryBytes - of a device, if there is a bound. */
function openVariant(
  spec: VariantSpec,
  memoryBytes: number | undefined,
  paths: CasePaths,
  local: LocalPaths,
  model: Model,
  models: Models,
  cache: GoldenCachePlace | undefined,
  { onPacking, taps }: OpenOptions,
): OpenedVariant {
  const { checkpoint, family } = model;
  const place = paths.variants[spec.name];
  if (spec.device.kind === 'capture') {
    const file = required(
      place?.recording,
      spec.device.recording,
      'name the file with --device where you inspect a token',
    );
    const format = spec.device.logitsFormat === null ? {} : { logitsFormat: spec.device.logitsFormat };
    const open = async (): Promise<LogitsSource> =>
      checkedSource(
        await createCaptureSource(openRecording(file), { checkpoint, ...format }),
        'device',
        checkpoint.config,
      );
    const sourceKey = JSON.stringify([spec.device, file]);
    const recorded: RecordedSide = {
      promptOf: ({ tokenIds, prompt, user }) => {
        const sequence = new ReplayedSequence(openRecording(file));
        sequence.append(tokenIds, { rows: 'none', prompt, user });
        return sequence.only();
      },
      openLab(config) {
        const isInstruct = family === 'instruct';
        return openLab(
          { device: checkpoint, reference: checkpoint, config, isInstruct },
          resourcesOf(local, onPacking),
        );
      },
    };
    const openable = { spec, sourceKey, notes: () => notesOf(model, checkpoint), open, recorded };
    return { openable, checkpoint: undefined };
  }
  const own = place?.weights === undefined ? checkpoint : models.checkpoint(place.weights);
  const sourceKey = JSON.stringify([spec.device, own.folder]);
  if (spec.device.kind === 'onnx') {
    const { precision } = spec.device;
    const settings: ReferenceOptions = {
      precision,
      // It is fed whole chunks, so decoding at each costs little, and several of them share the memory.
      ...(isDecoded(own) ? { weights: 'streamed' } : {}),
      ...(local.threads === undefined ? {} : { threads: local.threads }),
      ...(taps === undefined ? {} : { taps: tapsOf(own.config.layers, taps) }),
    };
    const open = (): Promise<LogitsSource> => openOnnx(own, settings, 'device', cache);
    return { openable: { spec, sourceKey, notes: () => notesOf(model, own), open }, checkpoint: own };
  }
  const config = configFromKnobs(spec.device.knobs);
  const isInstruct = own === checkpoint && family === 'instruct';
  const resources = resourcesOf(local, onPacking, memoryBytes);
  planN150(own, isInstruct, config, resources);
  const notes = (): string[] => [...notesOf(model, own), ...epsilonNotes(own, config.rmsEps)];
  const open = (): Promise<LogitsSource> => openN150(own, isInstruct, config, resources);
  const lab = (): Promise<Lab> => openLab({ device: own, reference: checkpoint, config, isInstruct }, resources);
  return { openable: { spec, sourceKey, notes, open, openLab: lab }, checkpoint: own };
}

/** @param memoryBytes - of one device, where several stand beside each other. */
function resourcesOf(
  { threads, weightCache, qwenDir, memoryBytes: budget }: LocalPaths,
  onPacking: PackingProgress | undefined,
  memoryBytes: number | undefined = budget,
): DeviceResources {
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(weightCache === undefined ? {} : { weightCache }),
    ...(qwenDir === undefined ? {} : { qwenDir }),
    ...(onPacking === undefined ? {} : { onPacking }),
  };
}

/** The kernels take epsilon from the recipe, as the original does: ten times Qwen2's own. More than that is worth a word. */
function epsilonNotes({ config }: Checkpoint, rmsEps: number): string[] {
  const ratio = config.rmsNormEps / rmsEps;
  if (ratio > 0.09 && ratio < 11) return [];
  return [`the device adds rmsEps=${rmsEps} where config.json has rms_norm_eps ${config.rmsNormEps}`];
}

/** What a report must say of the checkpoints of a variant. */
function notesOf({ checkpoint: reference, tokenizer }: Model, device: Checkpoint): string[] {
  const vocabulary = tokenizer === undefined ? undefined : vocabularyNote(tokenizer, reference.config.vocabSize);
  const notes = [...reference.notes, ...(tokenizer?.notes ?? []), ...(vocabulary === undefined ? [] : [vocabulary])];
  if (reference === device) return notes;
  const differences = configDifferences(reference.config, device.config).map(
    ({ key, reference: ours, variant }) => `${key} ${ours} (reference) and ${variant} (device)`,
  );
  const [ours, theirs] = [reference.config.vocabSize, device.config.vocabSize];
  return [
    ...notes,
    ...device.notes.map((note) => `device: ${note}`),
    ...(differences.length === 0 ? [] : [`the configs differ: ${differences.join(', ')}`]),
    ...(ours === theirs ? [] : [`of the vocabularies, the first ${Math.min(ours, theirs)} entries are compared`]),
    ...tokenizerNotes(tokenizer, device),
  ];
}

/** Equal vocabulary sizes hide that two tokenizers give ids to other texts. */
function tokenizerNotes(tokenizer: Tokenizer | undefined, { folder }: Checkpoint): string[] {
  const [theirs] = digestsOf([path.join(folder, 'tokenizer.json')]).values();
  if (tokenizer === undefined || theirs === undefined || theirs === tokenizer.sha256) return [];
  const [ours, other] = [tokenizer.sha256, theirs].map((sha256) => `${sha256.slice(0, 12)}…`);
  return [`the tokenizers differ: tokens are the reference's (tokenizer.json sha256 ${ours}, of the device ${other})`];
}

function required(file: string | undefined, name: string, otherwise: string): string {
  if (file !== undefined) return file;
  throw new InputError(`nothing says where ${name} is.`, {
    code: 'LOCAL_PATHS',
    facts: { wanted: 'its path in local.json of the run' },
    hint: `start a new run, or ${otherwise}.`,
  });
}
