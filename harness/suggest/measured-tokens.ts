// What runs measured, variant by variant: values of each metric, prompt after prompt, and units of text that count as independent.
import { tokenMetricValue } from '../gate/token-metrics.ts';
import { BLOCK_TOKENS } from '../paired/paired-sample.ts';
import { drawIndex, randomFromSeed } from '../paired/seeded-random.ts';
import type { VariantPlace } from '../record/allowances.ts';
import type { TokenRecord } from '../record/token-record.ts';

export const MEASURED_METRICS = ['pccGap', 'klNats', 'regretNats', 'isMiss', 'isRealFlip'] as const;
export type MeasuredMetric = (typeof MEASURED_METRICS)[number];

/** What scatters: the device on the same texts, or texts as well. */
export const TEXTS = ['same', 'other'] as const;
export type Texts = (typeof TEXTS)[number];

/** [units] of [tokens] values; a unit counts as independent of the others. */
export type Units = readonly Float64Array[];

/** Of a variant, from all runs that were given. */
export interface MeasuredVariant extends VariantPlace {
  /** By metric: [strata] of units; those of a stratum are alike but for chance. */
  readonly strata: Readonly<Record<MeasuredMetric, readonly Units[]>>;
  readonly tokens: number;
}

/** With fewer prompts blocks of them are the units. */
const PROMPTS_LEAST = 8;

/** Collects tokens of any number of runs. */
export class MeasuredTokens {
  readonly #variants: Map<string, { place: VariantPlace; prompts: Map<string, number[][]> }> = new Map();

  /** @param run - tells runs apart: the same prompt in two is two texts. */
  add(run: string, record: TokenRecord): void {
    const { case: caseName, variant, prompt, user } = record;
    const id = JSON.stringify([caseName, variant]);
    const known = this.#variants.get(id) ?? { place: { case: caseName, variant }, prompts: new Map() };
    this.#variants.set(id, known);
    const text = JSON.stringify([run, prompt, user]);
    const columns = known.prompts.get(text) ?? MEASURED_METRICS.map(() => []);
    known.prompts.set(text, columns);
    for (const [i, metric] of MEASURED_METRICS.entries()) columns[i]!.push(measuredValue(metric, record));
  }

  variants(texts: Texts): MeasuredVariant[] {
    return Array.from(this.#variants.values(), ({ place, prompts }) => {
      const all = [...prompts.values()];
      const strata = MEASURED_METRICS.map((metric, i) => [
        metric,
        strataOf(
          all.map((columns) => columns[i]!),
          texts,
        ),
      ]);
      return {
        ...place,
        strata: Object.fromEntries(strata) as unknown as MeasuredVariant['strata'],
        tokens: all.reduce((sum, [first]) => sum + first!.length, 0),
      };
    });
  }
}

/** Same texts: blocks within each prompt; prompts of one block have no scatter of their own and are a stratum together. */
function strataOf(prompts: readonly (readonly number[])[], texts: Texts): readonly Units[] {
  if (texts === 'other')
    return [prompts.flatMap((values) => cut(values, prompts.length >= PROMPTS_LEAST ? 1 : undefined))];
  const strata = prompts.map((values) => cut(values));
  const single = strata.flatMap((units) => (units.length === 1 ? units : []));
  return [...strata.filter(({ length }) => length > 1), ...(single.length === 0 ? [] : [single])];
}

/** As the gate's aggregates take them: a value that does not exist is left out, and NaN here. */
function measuredValue(metric: MeasuredMetric, record: TokenRecord): number {
  switch (metric) {
    case 'pccGap': {
      const pcc = tokenMetricValue(record, 'pcc');
      return pcc === null ? Number.NaN : 1 - pcc;
    }
    case 'isMiss':
      return record.choice === null ? Number.NaN : Number(record.choice.goldenRankOnActual > 1);
    case 'isRealFlip':
      return record.choice === null ? Number.NaN : Number(record.choice.flip === 'real');
    default:
      return tokenMetricValue(record, metric) ?? Number.NaN;
  }
}

function cut(
  values: readonly number[],
  pieces = Math.max(1, Math.round(values.length / BLOCK_TOKENS)),
): Float64Array[] {
  return Array.from({ length: pieces }, (_, piece) => {
    const from = Math.floor((piece * values.length) / pieces);
    const to = Math.floor(((piece + 1) * values.length) / pieces);
    return Float64Array.from(values.slice(from, to).filter((value) => !Number.isNaN(value)));
  }).filter(({ length }) => length > 0);
}

/** All values of units, one unit after the other. */
export function joined(units: Units): Float64Array {
  const all = new Float64Array(units.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const unit of units) {
    all.set(unit, at);
    at += unit.length;
  }
  return all;
}

/** May sort what it is given. */
export type Statistic = (values: Float64Array) => number;

const RESAMPLES = 200;

/** Standard error of a statistic: its scatter over resamples that draw, in each stratum, as many units as it has, with replacement. */
export function bootstrapError(strata: readonly Units[], statistic: Statistic, seed: number): number {
  const random = randomFromSeed(seed);
  const values = Float64Array.from({ length: RESAMPLES }, () =>
    statistic(joined(strata.flatMap((units) => Array.from(units, () => units[drawIndex(random, units.length)]!)))),
  );
  const centre = values.reduce((sum, value) => sum + value, 0) / RESAMPLES;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (RESAMPLES - 1));
}
