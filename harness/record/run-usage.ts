// What a run really took: time of each side and of the comparison, peak memory; printed beside doctor's estimate.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { TokenRecord } from './token-record.ts';

export interface RunUsage {
  /** Opening checkpoints, packing or reading weights: of both sides. */
  readonly openMs: { readonly golden: number; readonly actual: number };
  /** Tokens judged in this run; those a resumed run took over are not in it. */
  readonly goldenMs: number;
  readonly actualMs: number;
  readonly compareMs: number;
  /** Largest anonymous memory seen between two tokens; null where the system does not tell (it is read from /proc). */
  readonly peakAnonymousBytes: number | null;
  /** Largest resident memory, mapped weight files included, as the kernel kept it; null as above. */
  readonly peakResidentBytes: number | null;
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
});

/** Reading /proc takes some 30 microseconds: now and then is enough, memory grows chunk by chunk. */
const SAMPLE_EVERY_MS = 20;

/** Collects a run's usage while it goes on. */
export class UsageMeter {
  private readonly openMs = { golden: 0, actual: 0 };
  private readonly sums = { goldenMs: 0, actualMs: 0, compareMs: 0 };
  private peakAnonymousBytes: number | null = null;
  private sampledAt = Number.NEGATIVE_INFINITY;

  async opening<T>(side: 'golden' | 'actual', open: () => Promise<T>): Promise<T> {
    const since = performance.now();
    try {
      return await open();
    } finally {
      this.openMs[side] += performance.now() - since;
      this.sampleMemory();
    }
  }

  addToken({ timing: { goldenMs, actualMs, compareMs } }: TokenRecord): void {
    this.sums.goldenMs += goldenMs;
    this.sums.actualMs += actualMs;
    this.sums.compareMs += compareMs;
    if (performance.now() - this.sampledAt >= SAMPLE_EVERY_MS) this.sampleMemory();
  }

  total(): RunUsage {
    this.sampleMemory();
    return {
      openMs: { ...this.openMs },
      ...this.sums,
      peakAnonymousBytes: this.peakAnonymousBytes,
      peakResidentBytes: statusBytes('VmHWM'),
    };
  }

  private sampleMemory(): void {
    this.sampledAt = performance.now();
    const anonymous = statusBytes('RssAnon');
    const shared = statusBytes('RssShmem');
    if (anonymous === null || shared === null) return;
    this.peakAnonymousBytes = Math.max(this.peakAnonymousBytes ?? 0, anonymous + shared);
  }
}

/** A line of /proc/self/status. */
function statusBytes(name: 'RssAnon' | 'RssShmem' | 'VmHWM'): number | null {
  try {
    const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return kibibytes === undefined ? null : Number(kibibytes) * 1024;
  } catch {
    return null;
  }
}
