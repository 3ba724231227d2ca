// The ladders of a run: distances of every rung's tokens, kept as columns while the log is read, and what they come to.
import {
  type Distance,
  LADDER_STEPS,
  type LadderRecord,
  type LadderStep,
  type LadderWord,
  type StepRecord,
} from '../record/ladder.ts';
import { type CaseSpec, isRung, type RunSpec, type VariantSpec } from '../record/run-spec.ts';
import { type SequenceKey, sequenceId, type TokenKey, type TokenRecord } from '../record/token-record.ts';
import { type RungDistance, ruleText, TypicalKl, wordOfRun, wordOfToken } from './account-for.ts';

/** One token of a device on its ladder. */
export interface TokenLadder {
  /** From the reference up; the last is the device. */
  readonly steps: readonly (Distance & { readonly step: LadderStep })[];
  readonly bf16: Distance | null;
  readonly word: LadderWord;
}

interface Columns {
  readonly position: number[];
  /** NaN where the row had none. */
  readonly klNats: number[];
  readonly pccGap: number[];
}

/** A step with the variant that stands for it. */
interface PlannedStep {
  readonly step: LadderStep;
  readonly variant: string;
}

export class Ladders {
  readonly #spec: RunSpec;
  /** Variants whose tokens are kept: rungs and the devices on top, by case. */
  readonly #kept: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #columns: Map<string, Columns> = new Map();
  readonly #rungs: ReadonlyMap<string, ReadonlySet<string>>;
  #rungTokens = 0;

  constructor(spec: RunSpec) {
    this.#spec = spec;
    this.#rungs = new Map(
      spec.cases.map(({ name, variants }) => [name, new Set(variants.filter(isRung).map((one) => one.name))]),
    );
    this.#kept = new Map(
      spec.cases.map(({ name, variants }) => [
        name,
        new Set(variants.flatMap((one) => (one.ladder === undefined ? [] : [one.name, one.ladder.of]))),
      ]),
    );
  }

  /** Whether a token or prompt is of a rung, which nobody judges. */
  isRung({ case: name, variant }: Pick<SequenceKey, 'case' | 'variant'>): boolean {
    return this.#rungs.get(name)?.has(variant) === true;
  }

  /** Tokens of rungs so far. */
  get rungTokens(): number {
    return this.#rungTokens;
  }

  /** Takes a token of any variant; only those on a ladder are kept. */
  add(record: TokenRecord): void {
    if (this.isRung(record)) this.#rungTokens++;
    if (this.#kept.get(record.case)?.has(record.variant) !== true) return;
    const id = sequenceId(record);
    const columns = this.#columns.get(id) ?? { position: [], klNats: [], pccGap: [] };
    this.#columns.set(id, columns);
    columns.position.push(record.position);
    columns.klNats.push(record.distribution?.klNats ?? Number.NaN);
    columns.pccGap.push(record.pcc === null ? Number.NaN : 1 - record.pcc);
  }

  /** The ladder of a judged variant over the sequences given; undefined if it has none. */
  conclude(one: CaseSpec, variant: VariantSpec, sequences: readonly SequenceKey[]): LadderRecord | undefined {
    const steps = stepsOf(one, variant);
    if (steps === undefined) return undefined;
    const yardstick = yardstickOf(one, variant);
    const sums = steps.map(() => ({ klNats: 0, pccGap: 0 }));
    const typical = steps.map(() => new TypicalKl());
    const bf16 = { klNats: 0, pccGap: 0 };
    const words: Partial<Record<LadderWord, number>> = {};
    let tokens = 0;
    let judged = 0;
    for (const key of sequences) {
      const device = this.#columns.get(sequenceId(key));
      judged += device?.position.length ?? 0;
      for (const place of device?.position.keys() ?? []) {
        const all = steps.map(({ variant: name }) => this.#at({ ...key, variant: name }, place));
        const beside = yardstick === undefined ? undefined : this.#at({ ...key, variant: yardstick }, place);
        if (!all.every(isWhole) || (yardstick !== undefined && !isWhole(beside))) continue;
        tokens++;
        for (const [i, distance] of all.entries()) {
          addTo(sums[i]!, distance);
          typical[i]!.add(distance.klNats);
        }
        if (beside !== undefined) addTo(bf16, beside);
        const word = wordOfToken(rungsOf(steps, all), all.at(-1)!.klNats);
        words[word] = (words[word] ?? 0) + 1;
      }
    }
    const means = sums.map((sum) => meanOf(sum, tokens));
    const typicals = typical.map(({ value }) => ({ klNats: value }));
    const isEmpty = tokens === 0;
    return {
      tokens,
      missing: judged - tokens,
      steps: isEmpty
        ? []
        : steps.map(
            (step, i): StepRecord => ({
              ...step,
              typicalKlNats: typical[i]!.value,
              mean: means[i]!,
              share: less(means[i]!, means[i - 1]),
            }),
          ),
      bf16: isEmpty || yardstick === undefined ? null : meanOf(bf16, tokens),
      word: isEmpty ? null : wordOfRun(rungsOf(steps, typicals), typicals.at(-1)!.klNats, tokens),
      words,
      rule: ruleText(tokens),
    };
  }

  /** One token of a judged variant; undefined if it is on no ladder, or a step has no distance there. */
  ofToken(key: TokenKey): TokenLadder | undefined {
    const one = this.#spec.cases.find(({ name }) => name === key.case);
    const variant = one?.variants.find(({ name }) => name === key.variant);
    const steps = one === undefined || variant === undefined ? undefined : stepsOf(one, variant);
    const place = placeOf(this.#columns.get(sequenceId(key))?.position ?? [], key.position);
    if (steps === undefined || place < 0) return undefined;
    const all = steps.map(({ variant: name }) => this.#at({ ...key, variant: name }, place));
    if (!all.every(isWhole)) return undefined;
    const yardstick = yardstickOf(one!, variant!);
    const beside = yardstick === undefined ? undefined : this.#at({ ...key, variant: yardstick }, place);
    return {
      steps: steps.map(({ step }, i) => ({ step, ...all[i]! })),
      bf16: isWhole(beside) ? beside : null,
      word: wordOfToken(rungsOf(steps, all), all.at(-1)!.klNats),
    };
  }

  /** Rows of a unit come at the same positions on every variant, so that places are theirs in common. */
  #at(key: SequenceKey, place: number): Distance | undefined {
    const columns = this.#columns.get(sequenceId(key));
    if (columns === undefined || place >= columns.position.length) return undefined;
    return { klNats: columns.klNats[place]!, pccGap: columns.pccGap[place]! };
  }
}

/** The steps of a variant's ladder; undefined if the run has none of it. A device that is its own model needs no rung for its arithmetic. */
function stepsOf({ variants }: CaseSpec, variant: VariantSpec): PlannedStep[] | undefined {
  if (isRung(variant)) return undefined;
  const rungs = variants.filter(({ ladder }) => ladder?.of === variant.name);
  if (rungs.length === 0) return undefined;
  return LADDER_STEPS.flatMap((step): PlannedStep[] => {
    if (step === 'device') return [{ step, variant: variant.name }];
    const name =
      rungs.find(({ ladder }) => ladder!.rung === step)?.name ?? (step === 'arithmetic' ? variant.name : undefined);
    return name === undefined ? [] : [{ step, variant: name }];
  });
}

function yardstickOf({ variants }: CaseSpec, { name }: VariantSpec): string | undefined {
  return variants.find(({ ladder }) => ladder?.of === name && ladder.rung === 'bf16')?.name;
}

function rungsOf(steps: readonly PlannedStep[], distances: readonly Pick<Distance, 'klNats'>[]): RungDistance[] {
  return steps.flatMap(({ step }, i) => (step === 'device' ? [] : [{ step, klNats: distances[i]!.klNats }]));
}

/** Place of a value in a rising list; -1 if it is not there. */
function placeOf(rising: readonly number[], value: number): number {
  let [low, high] = [0, rising.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return rising[low] === value ? low : -1;
}

function isWhole(distance: Distance | undefined): distance is Distance {
  return distance !== undefined && Number.isFinite(distance.klNats) && Number.isFinite(distance.pccGap);
}

function addTo(sum: { klNats: number; pccGap: number }, { klNats, pccGap }: Distance): void {
  sum.klNats += klNats;
  sum.pccGap += pccGap;
}

function meanOf({ klNats, pccGap }: Distance, tokens: number): Distance {
  return { klNats: klNats / tokens, pccGap: pccGap / tokens };
}

function less({ klNats, pccGap }: Distance, below: Distance = { klNats: 0, pccGap: 0 }): Distance {
  return { klNats: klNats - below.klNats, pccGap: pccGap - below.pccGap };
}
