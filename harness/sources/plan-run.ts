// From what was asked for (folders, files, devices) to a run's spec, with the places of its files beside it.
import path from 'node:path';
import type { Precision } from '../../reference/onnx-reference.ts';
import { longestSequence } from '../../src/checkpoint/config.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import type { RecordedPrompt } from '../../src/device/capture/recorded-prompt.ts';
import { openRecording, type Recording, sameRecording } from '../../src/device/capture/recording.ts';
import { coreCounts } from '../../src/device/n150/chip.ts';
import { ComparisonInvalidError, InputError, UsageError } from '../../src/errors.ts';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import { type EncodedPrompt, encodePrompt } from '../../src/text/encode-prompt.ts';
import { printable } from '../../src/text/printable.ts';
import { type PromptEntry, readPrompts } from '../../src/text/prompts.ts';
import { type CasePrompts, selectPrompts } from '../../src/text/select-prompts.ts';
import type { CasePaths, LocalPaths } from '../record/local-paths.ts';
import {
  type CaseSpec,
  type DecodingMode,
  type JudgeSettings,
  type PromptSpec,
  type RunSpec,
  type SequenceLimits,
  tokensPlannedMax,
  type VariantSpec,
} from '../record/run-spec.ts';
import { type DeviceChoice, knobSettings, type ReferenceChoice, variantName } from './device-spec.ts';
import { type Model, Models } from './models.ts';
import { caseNames, MAX_NEW_TOKENS_DEFAULT, MAX_SEQ_LEN_DEFAULT, requireRunnable, type WeightsFamily } from './plan.ts';

/** Paths as given, relative to the current folder. */
export interface PlanRequest {
  /** Checkpoint folders, a case each. */
  readonly weights: readonly string[];
  /** Checkpoint of the N150 model alone, beside every reference. */
  readonly deviceWeights?: string | undefined;
  /** Prompt file for all cases; without it a recording's own plan, else `defaultPrompts`. */
  readonly prompts?: string | undefined;
  /** Prompt file of each family. */
  readonly defaultPrompts: Readonly<Record<WeightsFamily, string>>;
  /** Names of the prompts to run; all without it. */
  readonly only?: readonly string[] | undefined;
  /** YYYY-MM-DD that chat templates take for today. */
  readonly templateDate?: string | undefined;
  /** A variant each, at least one. */
  readonly devices: readonly DeviceChoice[];
  readonly reference: ReferenceChoice;
  readonly precision: Precision;
  /** Of recorded device logits, in the place of what they say themselves. */
  readonly logitsFormat?: LogitsFormat | undefined;
  readonly mode: DecodingMode;
  readonly judge: JudgeSettings;
  readonly maxNewTokens?: number | undefined;
  /** The original's longest sequence, or the checkpoint's where that is shorter, if absent. */
  readonly maxSeqLen?: number | undefined;
}

export interface PlannedRun {
  readonly spec: RunSpec;
  readonly paths: LocalPaths['cases'];
  /** What was recorded and is not judged, a sentence each; to stand with the verdict. */
  readonly notes: readonly string[];
}

/**
 * Opens checkpoints, tokenizers and recordings (headers only), encodes the prompts and refuses what cannot run.
 *
 * @param models - keeps what was opened, for those who run the plan.
 * @throws UsageError, InputError, UnsupportedError, ComparisonInvalidError, each naming the file.
 */
export async function planRun(request: PlanRequest, models: Models = new Models()): Promise<PlannedRun> {
  const recordings = await openRecordings(request);
  const opened = request.weights.map((folder) => models.open(folder));
  requireOneRecorded(recordings, opened);
  const names = caseNames(opened.map(({ checkpoint, family }) => ({ family, model: checkpoint.name })));
  const ofDevice = request.deviceWeights === undefined ? [] : [models.checkpoint(request.deviceWeights)];
  const maxSeqLen = request.maxSeqLen ?? defaultSeqLen([...opened.map(({ checkpoint }) => checkpoint), ...ofDevice]);
  const limits = { maxNewTokens: request.maxNewTokens ?? MAX_NEW_TOKENS_DEFAULT, maxSeqLen };
  const planned = chooseCases(opened, names, request, recordings);
  const cases = planned.map(({ model, name, file, prompts }): CaseSpec => {
    const { checkpoint, tokenizer } = model;
    const { eosTokenIds } = checkpoint.config;
    // The shortest first: what its hint names suits the others too.
    const { positions: ofReference } = longestSequence(checkpoint.config);
    const isShorter = ofDevice.some(({ config }) => longestSequence(config).positions < ofReference);
    for (const { name: model, config } of isShorter ? [...ofDevice, checkpoint] : [checkpoint, ...ofDevice]) {
      requireRunnable(prompts, { model, file, vocabSize: config.vocabSize, longest: longestSequence(config) }, limits);
    }
    return {
      name,
      model: checkpoint.name,
      reference:
        request.reference.kind === 'onnx'
          ? { kind: 'onnx', precision: request.precision }
          : { kind: 'golden', recording: path.basename(request.reference.file) },
      tokenizerSha256: tokenizer?.sha256 ?? NO_TOKENIZER,
      eosTokenIds: [...eosTokenIds],
      prompts,
      variants: planVariants(request, model, models),
    };
  });
  const notes = unplannedNotes(recordings, cases, request, limits);
  const paths = Object.fromEntries(
    cases.map(({ name, variants }, i) => [name, pathsOf(request, planned[i]!.index, variants)]),
  );
  return { spec: { mode: request.mode, limits, judge: request.judge, cases }, paths, notes };
}

/** In the place of the sha256 of a tokenizer.json that the folder does not have. */
const NO_TOKENIZER = 'none';

/** The original's, or what the shortest of the checkpoints allows. */
function defaultSeqLen(checkpoints: readonly Checkpoint[]): number {
  return Math.min(MAX_SEQ_LEN_DEFAULT, ...checkpoints.map(({ config }) => longestSequence(config).positions));
}

interface Recordings {
  readonly devices: readonly (Recording | undefined)[];
  readonly golden: Recording | undefined;
  /** The one that brings its own plan when there is no prompt file: the first device's before the reference's. */
  readonly planned: Recording | undefined;
}

async function openRecordings({ devices, reference }: PlanRequest): Promise<Recordings> {
  const captured = devices.map((device) => (device.kind === 'capture' ? openRecording(device.file) : undefined));
  const golden = reference.kind === 'golden' ? openRecording(reference.file) : undefined;
  for (const capture of captured) await requireNotItself(golden, capture);
  return { devices: captured, golden, planned: captured.find((one) => one !== undefined) ?? golden };
}

/** @throws ComparisonInvalidError when one recording stands on both sides: that comparison always passes. */
async function requireNotItself(golden: Recording | undefined, capture: Recording | undefined): Promise<void> {
  if (golden === undefined || capture === undefined) return;
  if (!(await sameRecording(golden, capture))) return;
  throw new ComparisonInvalidError(`${capture.name} was compared with itself.`, {
    code: 'COMPARED_WITH_ITSELF',
    facts: { reference: golden.name, device: capture.name, sha256: await capture.sha256() },
    hint: 'give the recording of the device with --device, that of the reference with --reference.',
  });
}

function requireOneRecorded({ planned }: Recordings, models: readonly Model[]): void {
  if (planned === undefined || models.length <= 1) return;
  throw new UsageError(`${planned.name} is a recording of one checkpoint, but ${models.length} are given.`, {
    code: 'RECORDING_WEIGHTS',
    facts: { found: models.map(({ checkpoint }) => checkpoint.name).join(', ') },
    hint: 'give the one checkpoint that was recorded with --weights.',
  });
}

/**
 * What was recorded is planned: rows of a planned prompt beyond its plan are refused, prompts that nobody asked for are said.
 *
 * @throws InputError RECORDING_NOT_PLANNED.
 */
function unplannedNotes(
  { devices, golden }: Recordings,
  cases: readonly CaseSpec[],
  { only }: PlanRequest,
  limits: SequenceLimits,
): string[] {
  const planned = new Map(
    cases.flatMap(({ prompts }) => prompts.map((prompt) => [`${prompt.user} ${prompt.name}`, prompt] as const)),
  );
  return [...devices, golden].flatMap((recording) => {
    if (recording === undefined) return [];
    const left = recording.prompts.filter((recorded) => {
      const prompt = planned.get(`${recorded.user} ${recorded.prompt}`);
      if (prompt !== undefined) requireWholePlan(recording, recorded, prompt, limits);
      return prompt === undefined && recorded.isNamed;
    });
    if (left.length === 0) return [];
    const rows = left.reduce((sum, { positions }) => sum + positions.length, 0);
    const why = only === undefined ? 'are not in the prompt file' : 'were not asked for with --prompt';
    return [
      `${left.length} of ${recording.prompts.length} recorded prompts (${rows} rows) of ${recording.name} ${why}`,
    ];
  });
}

function requireWholePlan(
  { name }: Recording,
  { name: label, inputIds }: RecordedPrompt,
  prompt: PromptSpec,
  limits: SequenceLimits,
): void {
  const most = tokensPlannedMax({ ...prompt, positions: null }, limits);
  if (inputIds.length <= most) return;
  throw new InputError(`${printable(name)}, prompt "${label}": more was recorded than is planned.`, {
    code: 'RECORDING_NOT_PLANNED',
    facts: { recorded: `${inputIds.length} tokens`, planned: `at most ${most} tokens` },
    hint: 'leave --prompts out: a recording brings its own plan. Or plan as many tokens with --max-new-tokens or a continuation.',
  });
}

interface PlannedCase {
  readonly model: Model;
  readonly name: string;
  /** Place among the folders that were given. */
  readonly index: number;
  /** Prompt file or recording that the prompts are of, as a message names it. */
  readonly file: string;
  readonly prompts: readonly PromptSpec[];
}

/**
 * Each checkpoint with its prompts; a case that has none of the prompts that were asked for is left out.
 *
 * @throws UsageError PROMPT_UNKNOWN for a name that no case has.
 */
function chooseCases(
  models: readonly Model[],
  names: readonly string[],
  { prompts, defaultPrompts, only, templateDate }: PlanRequest,
  { planned: recording, golden }: Recordings,
): PlannedCase[] {
  const all = models.map((model, i) => {
    const caseName = names[i]!;
    if (prompts === undefined && recording !== undefined) {
      const recorded = recording.prompts.map((one) => ({ name: one.prompt, encode: () => recordedPlan(one, golden) }));
      return { caseName, file: recording.name, prompts: recorded };
    }
    const file = prompts ?? defaultPrompts[model.family];
    const { vocabSize } = model.checkpoint.config;
    const context = { tokenizer: model.tokenizer, vocabSize, path: file, caseName, templateDate };
    const encode = (entry: PromptEntry) => () => plannedPrompt(encodePrompt(entry, context), recording, golden);
    return { caseName, file, prompts: readPrompts(file).map((entry) => ({ name: entry.name, encode: encode(entry) })) };
  });
  const chosen = only === undefined ? all.map((one) => one.prompts) : selectPrompts(withUsers(all), only);
  return models
    .map((model, index) => ({
      model,
      name: names[index]!,
      index,
      file: all[index]!.file,
      prompts: chosen[index]!.flatMap((one) => ('users' in one ? one.users : [one]).map(({ encode }) => encode())),
    }))
    .filter((one) => only === undefined || one.prompts.length > 0);
}

interface NamedPrompt {
  readonly name: string;
  readonly encode: () => PromptSpec;
}

/** A name means all users of its prompt. */
function withUsers(
  cases: readonly { readonly caseName: string; readonly file: string; readonly prompts: readonly NamedPrompt[] }[],
): CasePrompts<NamedPrompt & { readonly users: readonly NamedPrompt[] }>[] {
  return cases.map(({ caseName, file, prompts }) => {
    const users = new Map<string, NamedPrompt[]>();
    for (const prompt of prompts) {
      const known = users.get(prompt.name);
      if (known === undefined) users.set(prompt.name, [prompt]);
      else known.push(prompt);
    }
    return { caseName, file, prompts: [...users.values()].map((all) => ({ ...all[0]!, users: all })) };
  });
}

/** @param recording - that stands on a side: of a prompt of its name, only the positions that it and the golden one have are judged. */
function plannedPrompt(
  { name, promptIds, continuationIds }: EncodedPrompt,
  recording: Recording | undefined,
  golden: Recording | undefined,
): PromptSpec {
  const planned = {
    name,
    user: 0,
    promptIds: [...promptIds],
    continuationIds: continuationIds === undefined ? null : [...continuationIds],
  };
  const recorded = recording?.find(name);
  return { ...planned, positions: recorded === undefined ? null : recordedPositions(recorded, golden?.find(name)) };
}

/** What was recorded is forced again, so that no token is left to choose. */
function recordedPlan(recorded: RecordedPrompt, golden: Recording | undefined): PromptSpec {
  const { prompt, user, inputIds, promptLength = inputIds.length } = recorded;
  return {
    name: prompt,
    user,
    promptIds: [...inputIds.subarray(0, promptLength)],
    continuationIds: [...inputIds.subarray(promptLength)],
    positions: recordedPositions(recorded, golden?.find(prompt, user)),
  };
}

/** Those that both sides have; null where every token has a row. */
function recordedPositions(
  { inputIds, positions }: RecordedPrompt,
  golden: RecordedPrompt | undefined,
): number[] | null {
  const ofGolden = golden === undefined ? undefined : new Set(golden.positions);
  const both = [...positions].filter((position) => ofGolden?.has(position) ?? true);
  // Without one in common the run itself says what is missing where.
  if (both.length === inputIds.length || both.length === 0) return null;
  return both;
}

/**
 * A device that adds another epsilon than its checkpoint says cannot tell whether that checkpoint lost its own.
 *
 * @throws InputError CONFIG_NOT_JUDGED.
 */
function requireEpsilonUsed({ config, name }: Checkpoint, variant: Checkpoint, rmsEps: number): void {
  const own = variant.config.rmsNormEps;
  if (own === config.rmsNormEps || own === rmsEps) return;
  throw new InputError(`${variant.name} has another rms_norm_eps than ${name}, and the device would use neither.`, {
    code: 'CONFIG_NOT_JUDGED',
    facts: { [variant.name]: own, [name]: config.rmsNormEps, 'of the device': `rmsEps=${rmsEps}` },
    hint: `write --device n150:rmsEps=${own} to judge it; if it is a mistake, mend config.json of ${variant.name}.`,
  });
}

function planVariants(
  { devices, deviceWeights, logitsFormat }: PlanRequest,
  { checkpoint }: Model,
  models: Models,
): VariantSpec[] {
  const other = deviceWeights === undefined ? undefined : models.checkpoint(deviceWeights);
  const used = new Set<string>();
  return devices.map((device): VariantSpec => {
    if (device.kind === 'n150' && other !== undefined) requireEpsilonUsed(checkpoint, other, device.config.rmsEps);
    if (device.kind === 'n150') coreCounts((other ?? checkpoint).config, device.config.gridRows);
    const base = variantName(device, device.kind === 'n150' ? other?.name : undefined);
    if (device.kind === 'n150' && used.has(base)) {
      throw new UsageError(`two devices are the same: ${base}.`, {
        code: 'DEVICE_TWICE',
        hint: 'give each --device another knob; threads do not count, since they change no number.',
      });
    }
    let name = base;
    for (let i = 2; used.has(name); i++) name = `${base}#${i}`;
    used.add(name);
    return device.kind === 'n150'
      ? { name, model: (other ?? checkpoint).name, device: { kind: 'n150', knobs: knobSettings(device.config) } }
      : {
          name,
          model: checkpoint.name,
          device: { kind: 'capture', recording: path.basename(device.file), logitsFormat: logitsFormat ?? null },
        };
  });
}

function pathsOf(request: PlanRequest, index: number, variants: readonly VariantSpec[]): CasePaths {
  const { weights, deviceWeights, devices, reference } = request;
  return {
    weights: path.resolve(weights[index]!),
    ...(reference.kind === 'golden' ? { golden: path.resolve(reference.file) } : {}),
    variants: Object.fromEntries(
      variants.map(({ name }, i) => {
        const device = devices[i]!;
        if (device.kind === 'capture') return [name, { recording: path.resolve(device.file) }];
        return [name, deviceWeights === undefined ? {} : { weights: path.resolve(deviceWeights) }];
      }),
    ),
  };
}
