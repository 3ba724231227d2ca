// The recordings of a plan: opened, each another than the other side's, and nothing of them left out without a word.
import type { RecordedPrompt } from '../../src/device/capture/recorded-prompt.ts';
import { openRecording, type Recording, sameRecording } from '../../src/device/capture/recording.ts';
import { ComparisonInvalidError, InputError, UsageError } from '../../src/errors.ts';
import { printable } from '../../src/text/printable.ts';
import { type CaseSpec, type PromptSpec, type SequenceLimits, tokensPlannedMax } from '../record/run-spec.ts';
import type { Model } from './models.ts';
import type { PlanRequest } from './plan-request.ts';

export interface Recordings {
  readonly devices: readonly (Recording | undefined)[];
  readonly golden: Recording | undefined;
  /** The one that brings its own plan when there is no prompt file: the first device's before the reference's. */
  readonly planned: Recording | undefined;
}

export async function openRecordings({ devices, reference }: PlanRequest): Promise<Recordings> {
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

export function requireOneRecorded({ planned }: Recordings, models: readonly Model[]): void {
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
export function unplannedNotes(
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
    const rowsOf = (prompts: readonly RecordedPrompt[]): number =>
      prompts.reduce((sum, { positions }) => sum + positions.length, 0);
    const why = only === undefined ? 'are not in the prompt file' : 'were not asked for with --prompt';
    const unpaired = unpairedRows(recording, planned);
    return [
      ...(left.length === 0
        ? []
        : [
            `${left.length} of ${recording.prompts.length} recorded prompts (${rowsOf(left)} rows) of ${recording.name} ${why}`,
          ]),
      ...(unpaired === 0
        ? []
        : [
            `${unpaired} of ${recording.rowCount} rows of ${recording.name} are not judged: another recording has none there`,
          ]),
    ];
  });
}

/** Rows at positions of planned prompts where the plan has none, since it has only what each recording has. */
function unpairedRows({ prompts }: Recording, planned: ReadonlyMap<string, PromptSpec>): number {
  return prompts.reduce((sum, { user, prompt, positions }) => {
    const judged = planned.get(`${user} ${prompt}`)?.positions;
    if (judged == null) return sum;
    const isJudged = new Set(judged);
    return sum + positions.reduce((count, position) => count + (isJudged.has(position) ? 0 : 1), 0);
  }, 0);
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
