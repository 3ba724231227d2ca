// The prompts of a plan: of each case, from its prompt file or a recording, as token ids with the positions that are judged.
import type { RecordedPrompt } from '../../src/device/capture/recorded-prompt.ts';
import type { Recording } from '../../src/device/capture/recording.ts';
import { type EncodedPrompt, encodePrompt } from '../../src/text/encode-prompt.ts';
import { type PromptEntry, readPrompts } from '../../src/text/prompts.ts';
import { type CasePrompts, selectPrompts } from '../../src/text/select-prompts.ts';
import type { PromptSpec } from '../record/run-spec.ts';
import type { Model } from './models.ts';
import type { PlanRequest } from './plan-request.ts';
import type { Recordings } from './planned-recordings.ts';

export interface PlannedCase {
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
export function chooseCases(
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
