// What a benchmark is: something that measures repeatedly, and the medians and ratios that are made of it.

/** A limit that the project promises; the runner prints whether the median keeps it. */
export interface BenchmarkTarget {
  readonly relation: 'at least' | 'at most';
  readonly value: number;
}

/** One measured quantity: all its samples, never a single number. */
export interface BenchResult {
  readonly name: string;
  readonly unit: string;
  readonly samples: readonly number[];
  readonly target?: BenchmarkTarget;
}

/** A file `<name>.bench.ts` exports one of these as `benchmark`. */
export interface Benchmark {
  readonly name: string;
  /** One line: what is run, at which size. */
  readonly description: string;
  /** Many minutes and gigabytes: run only when asked for by name. */
  readonly isLong?: boolean;
  run(): Promise<readonly BenchResult[]>;
}

export interface Spread {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, minimum: sorted[0]!, maximum: sorted.at(-1)! };
}

export function keepsTarget(median: number, { relation, value }: BenchmarkTarget): boolean {
  return relation === 'at least' ? median >= value : median <= value;
}

/** Milliseconds that each of `actions` takes, taken in turns so that a busy moment of the machine hits all alike. */
export async function timeInTurns<Name extends string>(
  actions: Readonly<Record<Name, () => unknown>>,
  rounds: number,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(actions) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (const name of names) await actions[name]();
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const start = performance.now();
      await actions[name]();
      times[name].push(performance.now() - start);
    }
  }
  return times;
}

/** Quotients of samples of the same round. */
export function ratios(numerators: readonly number[], denominators: readonly number[]): number[] {
  return numerators.map((numerator, round) => numerator / denominators[round]!);
}
