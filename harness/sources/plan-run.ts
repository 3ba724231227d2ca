// From what was asked for (folders, files, devices) to a run's spec, with the places of its files beside it.
import path from 'node:path';
import type { Precision } from '../../reference/onnx-reference.ts';
import { longestSequence } from '../../src/checkpoint/config.ts';
import type { RecordedPrompt } from '../../src/device/capture/recorded-prompt.ts';
import { openRecording, type Recording } from '../../src/device/capture/recording.ts';
import { coreCounts } from '../../src/device/n150/chip.ts';
import { ComparisonInvalidError, nearestName, UsageError } from '../../src/errors.ts';
import { encodePrompt, readPrompts } from '../../src/text/prompts.ts';
import type { CasePaths, LocalPaths } from '../record/local-paths.ts';
import type { CaseSpec, DecodingMode, JudgeSettings, PromptSpec, RunSpec, VariantSpec } from '../record/run-spec.ts';
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
  /** A variant each, at least one. */
  readonly devices: readonly DeviceChoice[];
  readonly reference: ReferenceChoice;
  readonly precision: Precision;
  readonly mode: DecodingMode;
  readonly judge: JudgeSettings;
  readonly maxNewTokens?: number | undefined;
  /** The original's longest sequence, or the checkpoint's where that is shorter, if absent. */
  readonly maxSeqLen?: number | undefined;
}

export interface PlannedRun {
  readonly spec: RunSpec;
  readonly paths: LocalPaths['cases'];
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
  const maxSeqLen = request.maxSeqLen ?? defaultSeqLen(opened);
  const limits = { maxNewTokens: request.maxNewTokens ?? MAX_NEW_TOKENS_DEFAULT, maxSeqLen };
  const prompts = choosePrompts(opened, names, request, recordings.planned);
  const cases = opened.map((model, i): CaseSpec => {
    const { checkpoint, tokenizer } = model;
    const { vocabSize, eosTokenIds } = checkpoint.config;
    const own = prompts[i]!;
    requireRunnable(own, { model: checkpoint.name, vocabSize, longest: longestSequence(checkpoint.config) }, limits);
    return {
      name: names[i]!,
      model: checkpoint.name,
      reference:
        request.reference.kind === 'onnx'
          ? { kind: 'onnx', precision: request.precision }
          : { kind: 'golden', recording: path.basename(request.reference.file) },
      tokenizerSha256: tokenizer?.sha256 ?? NO_TOKENIZER,
      eosTokenIds: [...eosTokenIds],
      prompts: own,
      variants: planVariants(request, model, models),
    };
  });
  const paths = Object.fromEntries(cases.map(({ name, variants }, i) => [name, pathsOf(request, i, variants)]));
  return { spec: { mode: request.mode, limits, judge: request.judge, cases }, paths };
}

/** In the place of the sha256 of a tokenizer.json that the folder does not have. */
const NO_TOKENIZER = 'none';

/** The original's, or what the shortest of the checkpoints allows. */
function defaultSeqLen(models: readonly Model[]): number {
  return Math.min(MAX_SEQ_LEN_DEFAULT, ...models.map(({ checkpoint }) => longestSequence(checkpoint.config).positions));
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
  const sha256 = await capture.sha256();
  if (sha256 !== (await golden.sha256())) return;
  throw new ComparisonInvalidError(`${capture.name} was compared with itself.`, {
    code: 'COMPARED_WITH_ITSELF',
    facts: { reference: golden.name, device: capture.name, sha256 },
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

/** Prompts of each case, in order. @throws UsageError PROMPT_UNKNOWN for a name that no case has. */
function choosePrompts(
  models: readonly Model[],
  names: readonly string[],
  { prompts, defaultPrompts, only }: PlanRequest,
  recording: Recording | undefined,
): PromptSpec[][] {
  const files = models.map(({ family }) => prompts ?? defaultPrompts[family]);
  const isRecorded = prompts === undefined && recording !== undefined;
  const all = isRecorded
    ? [recording.prompts.map((prompt) => ({ name: prompt.name, encode: () => recordedPlan(prompt) }))]
    : models.map((model, i) => {
        const context = {
          tokenizer: model.tokenizer,
          vocabSize: model.checkpoint.config.vocabSize,
          path: files[i]!,
        };
        return readPrompts(files[i]!).map((entry) => ({
          name: entry.name,
          encode: () => plannedPrompt(encodePrompt(entry, context)),
        }));
      });
  if (only !== undefined) {
    for (const wanted of only) requireKnown(wanted, all, names, isRecorded ? [recording.name] : files);
  }
  const chosen = all.map((entries) => entries.filter(({ name }) => only === undefined || only.includes(name)));
  return chosen.map((entries) => entries.map(({ encode }) => encode()));
}

function requireKnown(
  wanted: string,
  all: readonly (readonly { readonly name: string }[])[],
  names: readonly string[],
  files: readonly string[],
): void {
  if (all.some((entries) => entries.some(({ name }) => name === wanted))) return;
  const nearest = nearestName(
    wanted,
    all.flat().map(({ name }) => name),
  );
  throw new UsageError(`no case has a prompt "${wanted}".`, {
    code: 'PROMPT_UNKNOWN',
    facts: Object.fromEntries(
      names.map((name, i) => [name, `${files[i]}: ${listShort(all[i]!.map((entry) => entry.name))}`]),
    ),
    hint: nearest === undefined ? 'take a name from these files.' : `did you mean ${nearest}?`,
  });
}

const NAMES_SHOWN = 10;

function listShort(names: readonly string[]): string {
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  return `${names.slice(0, NAMES_SHOWN).join(', ')}${more}`;
}

function plannedPrompt({
  name,
  promptIds,
  continuationIds,
}: {
  readonly name: string;
  readonly promptIds: readonly number[];
  readonly continuationIds?: readonly number[];
}): PromptSpec {
  return {
    name,
    user: 0,
    promptIds: [...promptIds],
    continuationIds: continuationIds === undefined ? null : [...continuationIds],
    positions: null,
  };
}

/** What was recorded is forced again, so that no token is left to choose. */
function recordedPlan({ prompt, user, inputIds, positions, promptLength }: RecordedPrompt): PromptSpec {
  const length = promptLength ?? inputIds.length;
  return {
    name: prompt,
    user,
    promptIds: [...inputIds.subarray(0, length)],
    continuationIds: [...inputIds.subarray(length)],
    positions: positions.length === inputIds.length ? null : [...positions],
  };
}

function planVariants({ devices, deviceWeights }: PlanRequest, { checkpoint }: Model, models: Models): VariantSpec[] {
  const other = deviceWeights === undefined ? undefined : models.checkpoint(deviceWeights);
  const used = new Set<string>();
  return devices.map((device): VariantSpec => {
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
      : { name, model: checkpoint.name, device: { kind: 'capture', recording: path.basename(device.file) } };
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
