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
  /** How many runs have tokens of it. */
  readonly runs: number;
}

/** With fewer prompts blocks of them are the units. */
const PROMPTS_LEAST = 8;

/** [metrics] of [tokens] values: a prompt in a run. */
type Columns = number[][];

/** Collects tokens of any number of runs. */
export class MeasuredTokens {
  /** By variant: its texts, each by the runs that have it. */
  readonly #variants: Map<string, { place: VariantPlace; texts: Map<string, Map<string, Columns>> }> = new Map();

  add(run: string, record: TokenRecord): void {
    const { case: caseName, variant, prompt, user } = record;
    const known = getOrMake(this.#variants, JSON.stringify([caseName, variant]), () => ({
      place: { case: caseName, variant },
      texts: new Map<string, Map<string, Columns>>(),
    }));
    const text = getOrMake(known.texts, JSON.stringify([prompt, user]), () => new Map<string, Columns>());
    const columns = getOrMake(text, run, (): Columns => MEASURED_METRICS.map(() => []));
    for (const [i, metric] of MEASURED_METRICS.entries()) columns[i]!.push(measuredValue(metric, record));
  }

  variants(texts: Texts): MeasuredVariant[] {
    return Array.from(this.#variants.values(), ({ place, texts: byText }) => {
      const all = Array.from(byText.values(), (runs) => [...runs.values()]);
      const strata = MEASURED_METRICS.map((metric, i) => [
        metric,
        strataOf(
          all.map((runs) => runs.map((columns) => columns[i]!)),
          texts,
        ),
      ]);
      return {
        ...place,
        strata: Object.fromEntries(strata) as unknown as MeasuredVariant['strata'],
        runs: new Set(Array.from(byText.values(), (runs) => [...runs.keys()]).flat()).size,
      };
    });
  }
}

function getOrMake<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key) ?? make();
  map.set(key, known);
  return known;
}

/**
 * Same texts: blocks within each prompt; prompts of one block have no scatter of their own and are a stratum together. A block has the tokens
 * of every run: a device that repeats its bits says nothing new by it.
 *
 * @param prompts - [prompts] of [runs] of [tokens].
 */
function strataOf(prompts: readonly (readonly (readonly number[])[])[], texts: Texts): readonly Units[] {
  if (texts === 'other') {
    return [prompts.flatMap((runs) => cutAll(runs, prompts.length >= PROMPTS_LEAST ? 1 : undefined))];
  }
  const strata = prompts.map((runs) => cutAll(runs));
  const single = strata.flatMap((units) => (units.length === 1 ? units : []));
  return [...strata.filter(({ length }) => length > 1), ...(single.length === 0 ? [] : [single])];
}

/** Every run of a text in as many pieces; each unit has the same piece of all runs. */
function cutAll(
  runs: readonly (readonly number[])[],
  pieces: number = Math.max(1, Math.round((runs[0]?.length ?? 0) / BLOCK_TOKENS)),
): Float64Array[] {
  return Array.from({ length: pieces }, (_, piece) =>
    joined(runs.map((values) => pieceOf(values, piece, pieces))),
  ).filter(({ length }) => length > 0);
}

function pieceOf(values: readonly number[], piece: number, pieces: number): Float64Array {
  const from = Math.floor((piece * values.length) / pieces);
  const to = Math.floor(((piece + 1) * values.length) / pieces);
  return Float64Array.from(values.slice(from, to).filter((value) => !Number.isNaN(value)));
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
