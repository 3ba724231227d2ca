// Which sequences of two runs belong together, by their plans; refused here if the plans are not about the same inputs.
import { InputError } from '../../../src/errors.ts';
import type { RunEvent } from '../../record/events.ts';
import { type CaseSpec, isRung, judgedSequencesOf, type PromptSpec, type RunUnit } from '../../record/run-spec.ts';
import { promptLabel, type SequenceKey, sequenceId } from '../../record/token-record.ts';
import { unitsOfRun } from '../../replay/run-replay.ts';
import type { AlonePrompt, Sides } from './run-diff.ts';

export interface PlanPairing {
  /** Sequences of both, in the order of run A. */
  readonly pairs: readonly Sides<SequenceKey>[];
  readonly alone: readonly AlonePrompt[];
  /** Variants of other names that stand for each other, since their case has one of them in each run. */
  readonly renamed: readonly ({ readonly case: string } & Sides<string>)[];
}

/**
 * Pairs by case, variant, prompt and user.
 *
 * @throws InputError RUNS_DIFFER: another mode, another reference or other tokens of a prompt of one name, or nothing in common.
 */
export function pairPlans(runs: Sides<RunEvent>): PlanPairing {
  requireSame(runs, 'decoding mode', ({ spec }) => spec.mode);
  const units = { a: unitsOfRun(runs.a), b: unitsOfRun(runs.b) };
  const ofB = new Map(units.b.map((unit) => [unitId(unit), unit]));
  const variants = pairVariants(runs, units);
  const pairs: Sides<SequenceKey>[] = [];
  for (const a of units.a) {
    const b = ofB.get(unitId(a));
    if (b === undefined) continue;
    requireSameReference(runs, { a: a.case, b: b.case });
    requireSameTokens(runs, a.case.name, { a: a.prompt, b: b.prompt });
    const keys = judgedSequencesOf(b);
    for (const key of judgedSequencesOf(a)) {
      const partner = keys.find(({ variant }) => variant === variants.partnerOf(key));
      if (partner !== undefined) pairs.push({ a: key, b: partner });
    }
  }
  if (pairs.length === 0) {
    throw runsDiffer(runs, 'prompts and variants, of which they have none in common', {
      a: namesOf(units.a),
      b: namesOf(units.b),
    });
  }
  return {
    pairs,
    alone: [...aloneOf('a', units.a, pairs), ...aloneOf('b', units.b, pairs)],
    renamed: variants.renamed,
  };
}

/** @throws InputError RUNS_DIFFER, with the values of both. */
export function requireSame<T>(runs: Sides<RunEvent>, what: string, of: (run: RunEvent) => T): void {
  const values = { a: of(runs.a), b: of(runs.b) };
  if (values.a !== values.b) throw runsDiffer(runs, what, { a: String(values.a), b: String(values.b) });
}

/** What makes two runs no two answers to one question. */
export function runsDiffer(runs: Sides<Pick<RunEvent, 'command'>>, what: string, { a, b }: Sides<string>): InputError {
  return new InputError(`the runs cannot be compared: they differ in ${what}.`, {
    code: 'RUNS_DIFFER',
    facts: { 'run A': a, 'run B': b },
    hint: `make run B again with the prompts, limits and reference of run A, which was made by \`${runs.a.command}\`.`,
  });
}

function requireSameReference(runs: Sides<RunEvent>, cases: Sides<CaseSpec>): void {
  const of = ({ reference }: CaseSpec): string =>
    reference.kind === 'onnx' ? `computed, ${reference.precision}` : 'recorded';
  const [a, b] = [of(cases.a), of(cases.b)];
  if (a !== b) throw runsDiffer(runs, `the reference of ${cases.a.name}`, { a, b });
}

/** Of the prompt itself; the tokens after it are held against each other where both runs have judged one. */
function requireSameTokens(runs: Sides<RunEvent>, caseName: string, { a, b }: Sides<PromptSpec>): void {
  const where = `${caseName} › ${promptLabel({ prompt: a.name, user: a.user })}`;
  const length = Math.max(a.promptIds.length, b.promptIds.length);
  for (let i = 0; i < length; i++) {
    if (a.promptIds[i] === b.promptIds[i]) continue;
    const of = ({ promptIds }: PromptSpec): string =>
      i < promptIds.length ? `token ${promptIds[i]}, of ${promptIds.length}` : `ends after ${promptIds.length} tokens`;
    throw runsDiffer(runs, `the tokens of ${where}, first at position ${i}`, { a: of(a), b: of(b) });
  }
}

interface VariantPairing {
  /** Name in run B of a sequence's variant of run A; undefined if there is none. */
  partnerOf(key: SequenceKey): string | undefined;
  readonly renamed: PlanPairing['renamed'];
}

function pairVariants(runs: Sides<RunEvent>, units: Sides<readonly RunUnit[]>): VariantPairing {
  const partners = new Map<string, string>();
  const renamed: ({ readonly case: string } & Sides<string>)[] = [];
  const planned = new Set([...units.a, ...units.b].map((unit) => unit.case.name));
  for (const one of runs.a.spec.cases) {
    const other = runs.b.spec.cases.find(({ name }) => name === one.name);
    if (other === undefined || !planned.has(one.name)) continue;
    const judged = ({ variants }: CaseSpec): string[] =>
      variants.filter((variant) => !isRung(variant)).map(({ name }) => name);
    const names = { a: judged(one), b: judged(other) };
    const isOneEach = names.a.length === 1 && names.b.length === 1;
    for (const a of names.a) {
      const b = isOneEach ? names.b[0] : names.b.find((name) => name === a);
      if (b === undefined) continue;
      partners.set(JSON.stringify([one.name, a]), b);
      if (a !== b) renamed.push({ case: one.name, a, b });
    }
  }
  return { partnerOf: (key) => partners.get(JSON.stringify([key.case, key.variant])), renamed };
}

function aloneOf(side: 'a' | 'b', units: readonly RunUnit[], pairs: PlanPairing['pairs']): AlonePrompt[] {
  const paired = new Set(pairs.map((pair) => sequenceId(pair[side])));
  return units.flatMap(judgedSequencesOf).flatMap((key) => (paired.has(sequenceId(key)) ? [] : [{ side, ...key }]));
}

function unitId({ case: one, prompt }: RunUnit): string {
  return JSON.stringify([one.name, prompt.name, prompt.user]);
}

const NAMES_SHOWN = 5;

function namesOf(units: readonly RunUnit[]): string {
  const names = units.flatMap((unit) =>
    judgedSequencesOf(unit).map((key) => `${key.case} › ${key.variant} › ${promptLabel(key)}`),
  );
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  return names.length === 0 ? 'none' : `${names.slice(0, NAMES_SHOWN).join(', ')}${more}`;
}
