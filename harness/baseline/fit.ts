// Whether a run is another answer to the baseline's question: the same tokens, reference, tokenizer and checkpoints; what differs is named.
import { createHash } from 'node:crypto';
import type { SourceInfo } from '../../src/device/logits-source.ts';
import type {
  BaselineCase,
  BaselinePrompt,
  BaselineSource,
  BaselineSpec,
  BaselineVariant,
} from '../record/baseline.ts';
import type { BaselineDifference } from '../record/baseline-reading.ts';
import type { CaseEvent, PromptEvent } from '../record/events.ts';
import {
  type CaseSpec,
  isRung,
  type PromptSpec,
  type RunSpec,
  type SequenceLimits,
  tokensPlannedMax,
  type VariantSpec,
} from '../record/run-spec.ts';
import { withoutThreads } from '../record/source-info.ts';
import { promptLabel } from '../record/token-record.ts';

/** sha256 (hex) of what is fed and judged of a prompt, as far as the plan knows it. */
export function promptPlanHash({ promptIds, continuationIds, positions }: PromptSpec): string {
  return createHash('sha256')
    .update(JSON.stringify([promptIds, continuationIds, positions]))
    .digest('hex');
}

/** What a baseline keeps of a side. */
export function baselineSource(info: SourceInfo): BaselineSource {
  const { kind, model, weightsSha256, configSha256, dtypes, logitsFormat, settings } = withoutThreads(info);
  return { kind, model, weightsSha256, configSha256: configSha256 ?? null, dtypes, logitsFormat, settings };
}

/** A case of both, and the name that a variant has in the run. */
export interface FittingCase {
  readonly held: BaselineCase;
  readonly spec: CaseSpec;
  readonly nameOf: (variant: BaselineVariant) => string;
}

/**
 * The baseline's cases with the run's; a recording that is alone in its case stands for the one before it, whatever its name.
 *
 * @returns cases of both; a difference of the plans if there is one, the first.
 */
export function fitPlan(
  { mode, cases: held }: Pick<BaselineSpec, 'mode' | 'cases'>,
  spec: Omit<RunSpec, 'baseline'>,
): { readonly cases: readonly FittingCase[]; readonly misfit: BaselineDifference | undefined } {
  const names = (all: readonly { readonly name: string }[]): string[] => all.map(({ name }) => name);
  const misfit =
    differenceOf('decoding mode', mode, spec.mode) ?? differenceOfNames('cases', names(held), names(spec.cases));
  if (misfit !== undefined) return { cases: [], misfit };
  const cases = held.map((one) => fitCase(one, spec.cases.find(({ name }) => name === one.name)!));
  for (const one of cases) {
    const differing = misfitOfCase(one, spec.limits);
    if (differing !== undefined) return { cases: [], misfit: differing };
  }
  return { cases, misfit: undefined };
}

/** Rungs of a ladder are measured and not judged. */
export function judgedVariants({ variants }: CaseSpec): readonly VariantSpec[] {
  return variants.filter((variant) => !isRung(variant));
}

function fitCase(held: BaselineCase, spec: CaseSpec): FittingCase {
  const [ours, theirs] = [held.variants, judgedVariants(spec)];
  const isRecordingEach =
    ours.length === 1 &&
    theirs.length === 1 &&
    ours[0]!.device.kind === 'capture' &&
    theirs[0]!.device.kind === 'capture';
  return { held, spec, nameOf: ({ name }) => (isRecordingEach ? theirs[0]!.name : name) };
}

function misfitOfCase({ held, spec, nameOf }: FittingCase, limits: SequenceLimits): BaselineDifference | undefined {
  const { name } = held;
  const variants = differenceOfNames(
    `devices of ${name}`,
    held.variants.map(nameOf),
    judgedVariants(spec).map((one) => one.name),
  );
  const tokenizer = differenceOf(
    `tokenizer of ${name}`,
    `sha256 ${held.tokenizerSha256}`,
    `sha256 ${spec.tokenizerSha256}`,
  );
  if (variants !== undefined || tokenizer !== undefined) return tokenizer ?? variants;
  for (const { prompts } of held.variants) {
    const labels = (all: readonly { readonly name: string; readonly user: number }[]): string[] =>
      all.map((one) => promptLabel({ prompt: one.name, user: one.user }));
    const differing =
      differenceOfNames(`prompts of ${name}`, labels(prompts), labels(spec.prompts)) ??
      misfitOfPrompts(name, prompts, spec.prompts, limits);
    if (differing !== undefined) return differing;
  }
  return undefined;
}

function misfitOfPrompts(
  name: string,
  held: readonly BaselinePrompt[],
  planned: readonly PromptSpec[],
  limits: SequenceLimits,
): BaselineDifference | undefined {
  for (const prompt of planned) {
    const own = held.find((one) => one.name === prompt.name && one.user === prompt.user)!;
    const where = `${name} › ${promptLabel({ prompt: prompt.name, user: prompt.user })}`;
    const differing =
      differenceOf(`tokens of ${where}`, `sha256 ${own.planSha256}`, `sha256 ${promptPlanHash(prompt)}`) ??
      differenceOf(
        `length of ${where}`,
        `${own.planned} tokens at most`,
        `${tokensPlannedMax(prompt, limits)} tokens at most`,
      );
    if (differing !== undefined) return differing;
  }
  return undefined;
}

/** What was opened for a variant and is not what the baseline had: its reference, its checkpoint, the vocabulary. */
export function misfitsOfSources(
  { held }: FittingCase,
  variant: BaselineVariant,
  event: CaseEvent,
): BaselineDifference[] {
  const [golden, device] = [baselineSource(event.golden), baselineSource(event.device)];
  const checkpoint =
    variant.device.kind === 'capture' && device.kind === 'capture'
      ? []
      : [
          differenceOf(`kind of device of ${event.case}`, variant.device.kind, device.kind),
          ...checkpointDifferences(`device of ${event.case}`, variant.device, device),
        ];
  return [
    differenceOf(`kind of reference of ${event.case}`, held.reference.kind, golden.kind),
    ...checkpointDifferences(`reference of ${event.case}`, held.reference, golden),
    differenceOf(`precision of the reference of ${event.case}`, precisionOf(held.reference), precisionOf(golden)),
    ...checkpoint,
    differenceOf(`vocabulary of ${event.case}`, `${variant.vocabSize} entries`, `${event.vocabSize} entries`),
  ].flatMap((one) => one ?? []);
}

function checkpointDifferences(
  whose: string,
  a: BaselineSource,
  b: BaselineSource,
): (BaselineDifference | undefined)[] {
  return [
    differenceOf(
      `weights of the ${whose}`,
      `${a.model}, sha256 ${a.weightsSha256}`,
      `${b.model}, sha256 ${b.weightsSha256}`,
      a.weightsSha256 === b.weightsSha256,
    ),
    differenceOf(`config of the ${whose}`, `sha256 ${a.configSha256 ?? 'none'}`, `sha256 ${b.configSha256 ?? 'none'}`),
  ];
}

function precisionOf({ dtypes, logitsFormat }: BaselineSource): string {
  const roles = Object.entries(dtypes).sort(([a], [b]) => (a < b ? -1 : 1));
  return [...roles.map(([role, dtype]) => `${role} ${dtype}`), `logits ${logitsFormat}`].join(', ');
}

/** The text that was really judged. */
export function misfitOfText(held: BaselinePrompt, event: PromptEvent): BaselineDifference | undefined {
  const words = (tokens: number, hash: string): string => `${tokens} tokens, context ${hash || 'empty'}`;
  const where = `${event.case} › ${promptLabel(event)}`;
  return differenceOf(`text of ${where}`, words(held.tokens, held.contextHash), words(event.judged, event.contextHash));
}

/** Settings of a device that may change, since what they do to the numbers is what is judged. */
export function settingDifferences(variant: BaselineVariant, event: CaseEvent): BaselineDifference[] {
  const [ours, theirs] = [variant.device, baselineSource(event.device)];
  const names = [...new Set([...Object.keys(ours.settings), ...Object.keys(theirs.settings)])];
  const word = (value: unknown): string => (value === undefined ? 'absent' : `${value}`);
  return [
    differenceOf(`${event.case}, ${event.variant}: format of logits`, ours.logitsFormat, theirs.logitsFormat),
    ...names.map((name) =>
      differenceOf(`${event.case}, ${event.variant}: ${name}`, word(ours.settings[name]), word(theirs.settings[name])),
    ),
  ].flatMap((one) => one ?? []);
}

function differenceOf(
  what: string,
  baseline: string,
  run: string,
  isSame: boolean = baseline === run,
): BaselineDifference | undefined {
  return isSame ? undefined : { what, baseline, run };
}

const NAMES_SHOWN = 3;

/** Sets of names, in whatever order; those that only one has are shown. */
function differenceOfNames(
  what: string,
  baseline: readonly string[],
  run: readonly string[],
): BaselineDifference | undefined {
  const alone = (some: readonly string[], others: readonly string[]): string => {
    const found = some.filter((name) => !others.includes(name));
    const more = found.length > NAMES_SHOWN ? ` and ${found.length - NAMES_SHOWN} more` : '';
    return found.length === 0 ? 'none besides' : `${found.slice(0, NAMES_SHOWN).join(', ')}${more}`;
  };
  const isSame = baseline.every((name) => run.includes(name)) && run.every((name) => baseline.includes(name));
  return isSame ? undefined : { what, baseline: alone(baseline, run), run: alone(run, baseline) };
}
