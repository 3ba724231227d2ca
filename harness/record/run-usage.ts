// What a run really took, as it stands in the log: time of each side and of the comparison, peak memory.
import { z } from 'zod';

export interface RunUsage {
  /** Opening checkpoints, packing or reading weights: of both sides. */
  readonly openMs: { readonly golden: number; readonly actual: number };
  /** Tokens judged in this process; those a resumed run took over are not in it. */
  readonly goldenMs: number;
  readonly actualMs: number;
  readonly compareMs: number;
  /** Largest anonymous memory seen between two tokens; null where the system does not tell (it is read from /proc). */
  readonly peakAnonymousBytes: number | null;
  /** Largest resident memory, mapped weight files included, as the kernel kept it; null as above. */
  readonly peakResidentBytes: number | null;
  /** Of references with a golden cache; absent where there is none. */
  readonly goldenCache?: GoldenCacheUsage;
}

/** Rows of references: which were read from the disk instead of made changes no number of a run, but its time. */
export interface GoldenCacheUsage {
  readonly rowsRead: number;
  readonly rowsMade: number;
  /** Why rows were not kept; null if they were. */
  readonly problem: string | null;
}

const milliseconds = z.number().min(0);
const bytesOrNull = z.int().min(0).nullable();

export const RunUsageSchema: z.ZodType<RunUsage, unknown> = z.strictObject({
  openMs: z.strictObject({ golden: milliseconds, actual: milliseconds }),
  goldenMs: milliseconds,
  actualMs: milliseconds,
  compareMs: milliseconds,
  peakAnonymousBytes: bytesOrNull,
  peakResidentBytes: bytesOrNull,
  goldenCache: z
    .strictObject({ rowsRead: z.int().min(0), rowsMade: z.int().min(0), problem: z.string().nullable() })
    .exactOptional(),
});

/** Of a run of several processes: times add up, memory is the largest. */
export function addUsage(a: RunUsage, b: RunUsage): RunUsage {
  const most = (...bytes: readonly (number | null)[]): number | null => {
    const known = bytes.filter((one) => one !== null);
    return known.length === 0 ? null : Math.max(...known);
  };
  return {
    openMs: { golden: a.openMs.golden + b.openMs.golden, actual: a.openMs.actual + b.openMs.actual },
    goldenMs: a.goldenMs + b.goldenMs,
    actualMs: a.actualMs + b.actualMs,
    compareMs: a.compareMs + b.compareMs,
    peakAnonymousBytes: most(a.peakAnonymousBytes, b.peakAnonymousBytes),
    peakResidentBytes: most(a.peakResidentBytes, b.peakResidentBytes),
    ...addGoldenCache([a.goldenCache, b.goldenCache]),
  };
}

/** Of several references or runs, those without a cache left out. */
export function addGoldenCache(uses: readonly (GoldenCacheUsage | undefined)[]): Pick<RunUsage, 'goldenCache'> {
  const cached = uses.filter((use) => use !== undefined);
  if (cached.length === 0) return {};
  return {
    goldenCache: {
      rowsRead: cached.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
      rowsMade: cached.reduce((sum, { rowsMade }) => sum + rowsMade, 0),
      problem: cached.find(({ problem }) => problem !== null)?.problem ?? null,
    },
  };
}
