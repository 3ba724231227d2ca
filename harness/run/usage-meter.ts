// Collects what a run takes while it goes on: time of each side and of the comparison, peak memory.
import { readFileSync } from 'node:fs';
import type { Pair } from '../record/row-metrics.ts';
import type { RunUsage } from '../record/run-usage.ts';
import type { TokenRecord } from '../record/token-record.ts';

/** Reading /proc takes some 30 microseconds: now and then is enough, memory grows chunk by chunk. */
const SAMPLE_EVERY_MS = 20;

export class UsageMeter {
  readonly #openMs = { golden: 0, actual: 0 };
  readonly #sums = { goldenMs: 0, actualMs: 0, compareMs: 0 };
  #peakAnonymousBytes: number | null = null;
  #sampledAt = Number.NEGATIVE_INFINITY;

  async opening<T>(side: 'golden' | 'actual', open: () => Promise<T>): Promise<T> {
    const since = performance.now();
    try {
      return await open();
    } finally {
      this.#openMs[side] += performance.now() - since;
      this.#sampleMemory();
    }
  }

  /** @param counted - sides whose row is of no other variant of the token that was counted before. */
  addToken({ timing: { goldenMs, actualMs, compareMs } }: TokenRecord, counted: Pair<boolean>): void {
    if (counted.golden) this.#sums.goldenMs += goldenMs;
    if (counted.actual) this.#sums.actualMs += actualMs;
    this.#sums.compareMs += compareMs;
    if (performance.now() - this.#sampledAt >= SAMPLE_EVERY_MS) this.#sampleMemory();
  }

  total(): RunUsage {
    this.#sampleMemory();
    return {
      openMs: { ...this.#openMs },
      ...this.#sums,
      peakAnonymousBytes: this.#peakAnonymousBytes,
      peakResidentBytes: statusBytes(processStatus(), 'VmHWM'),
    };
  }

  #sampleMemory(): void {
    this.#sampledAt = performance.now();
    const status = processStatus();
    const anonymous = statusBytes(status, 'RssAnon');
    const shared = statusBytes(status, 'RssShmem');
    if (anonymous === null || shared === null) return;
    this.#peakAnonymousBytes = Math.max(this.#peakAnonymousBytes ?? 0, anonymous + shared);
  }
}

/** Empty where the system has none. */
function processStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'latin1');
  } catch {
    return '';
  }
}

/** A line of the status. */
function statusBytes(status: string, name: 'RssAnon' | 'RssShmem' | 'VmHWM'): number | null {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}
