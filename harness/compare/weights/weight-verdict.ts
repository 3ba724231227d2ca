// What the variant is to the base, in one word and one sentence.
import { listNames } from '../../../src/errors.ts';
import { isRounded, type MeasuredTensor } from './measured-tensor.ts';
import { PLAIN_BITS } from './tensor-record.ts';
import type { TensorComparison, WeightComparison } from './weight-comparison.ts';

/** A norm's weights are the base's up to here: no format quantises them. */
const NORM_RELATIVE_MAX = 2 ** -8;
const NAMES_SHOWN = 5;

/** None of the norms, which no format quantises, is the base's. */
export function isUnrelatedModel(measured: readonly MeasuredTensor[]): boolean {
  const norms = measured.filter(({ pair }) => isNorm(pair.name));
  return norms.length > 0 && norms.every((norm) => !isRounded(norm) && norm.figures.relativeL2 > NORM_RELATIVE_MAX);
}

function isNorm(name: string): boolean {
  return name.endsWith('norm.weight');
}

export type Verdict = Pick<WeightComparison, 'relation' | 'headline'>;

export interface VerdictParts {
  readonly base: { readonly name: string };
  readonly variant: { readonly name: string };
  readonly records: readonly TensorComparison[];
  readonly isOther: boolean;
}

export function verdictOf({ base, variant, records, isOther }: VerdictParts): Verdict {
  const all = records.length;
  if (isOther) {
    const norms = records.filter(({ name }) => isNorm(name)).length;
    const cosines = records
      .filter(({ shape, cosine }) => shape.length === 2 && cosine !== null)
      .map(({ cosine }) => cosine!);
    const middle = cosines.sort((a, b) => a - b)[cosines.length >> 1];
    const fit =
      middle === undefined ? '' : `; its matrices have a median cosine of ${middle.toFixed(3)} with the base's`;
    return {
      relation: 'notAVariant',
      headline: `${variant.name} is not a variant of ${base.name}: none of its ${norms} norms, which no format quantises, equals the base's${fit}`,
    };
  }
  const namesOf = (state: TensorComparison['state']): string[] =>
    records.filter((record) => record.state === state).map(({ name }) => name);
  const diagnosed = namesOf('diagnosed');
  if (diagnosed.length > 0) {
    const are = diagnosed.length === 1 ? 'is' : 'are';
    return {
      relation: 'faulty',
      headline: `${diagnosed.length} of ${all} tensors ${are} not what a quantisation makes of the base: ${listNames(diagnosed, NAMES_SHOWN)}`,
    };
  }
  const equal = namesOf('equal');
  const differs = records.filter(({ state }) => state === 'differs');
  if (equal.length === all) return { relation: 'equal', headline: `all values of the ${all} tensors equal the base's` };
  if (differs.length === 0) {
    return {
      relation: 'rounded',
      headline: `${all - equal.length} of ${all} tensors differ by no more than rounding to BF16 does, the others are equal`,
    };
  }
  return isPartlyChanged(records) ? partlyChanged(differs, all) : quantised(differs, all);
}

/** Some matrices are the base's and others, stored in the same plain format, are not: nothing was quantised. */
function isPartlyChanged(records: readonly TensorComparison[]): boolean {
  const matrices = records.filter(({ name }) => /_proj\.weight$/.test(name));
  const kept = matrices.filter(({ state }) => state !== 'differs');
  const changed = records.filter(({ state }) => state === 'differs');
  return kept.length > 0 && changed.every(({ bitsPerWeight }) => bitsPerWeight.variant >= PLAIN_BITS);
}

function partlyChanged(differs: readonly TensorComparison[], all: number): Verdict {
  const names = differs.map(({ name }) => name);
  return {
    relation: 'partlyChanged',
    headline: `${differs.length} of ${all} tensors differ, the others are the base's, as with a merged adapter: ${listNames(names, NAMES_SHOWN)}`,
  };
}

function quantised(differs: readonly TensorComparison[], all: number): Verdict {
  const known = differs.flatMap(({ name, sqnrDb, sqnrUnfoldedDb }) => {
    const sqnr = sqnrUnfoldedDb ?? sqnrDb;
    return sqnr === null ? [] : [{ name, sqnr }];
  });
  known.sort((a, b) => a.sqnr - b.sqnr);
  const median = known[known.length >> 1]?.sqnr.toFixed(1) ?? 'unknown';
  const lowest = known[0] === undefined ? '' : `, lowest ${known[0].sqnr.toFixed(1)} dB in ${known[0].name}`;
  return {
    relation: 'quantised',
    headline: `a plausible quantisation of the base: ${differs.length} of ${all} tensors differ, SQNR ${median} dB in the median${lowest}`,
  };
}
