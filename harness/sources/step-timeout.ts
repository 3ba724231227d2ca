// A device that is waited for only so long: when neither a row nor a layer comes for that time, it counts as broken down.
import type { FeedRequest, LogitsSource, RowSink } from '../../src/device/logits-source.ts';
import { DeviceError } from '../../src/errors.ts';
import { WrappedSource } from './wrapped-source.ts';

/** Generous: the slowest step that is known, an lm_head of Qwen2-7B in tier exact on one core, takes less than an hour. */
export const STEP_TIMEOUT_DEFAULT_MS: number = 2 * 3600 * 1000;

/** What a timer of Node can hold; longer times are as good as none. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** A device that hung is not waited for again when it is closed. */
const CLOSE_MS = 2000;

/**
 * Ends a feed or a truncate that stands still with DeviceError `STEP_TIMEOUT`. The time in which a row is judged does not count.
 * Code that never yields to the event loop cannot be ended by any timer.
 */
export class StepTimeout extends WrappedSource {
  /** Each sequence is waited for by itself. */
  readonly sequence?: () => LogitsSource;
  readonly #milliseconds: number;
  #hasHung = false;

  constructor(inner: LogitsSource, milliseconds: number) {
    super(inner);
    this.#milliseconds = Math.min(milliseconds, LONGEST_TIMER_MS);
    if (inner.sequence !== undefined) this.sequence = () => new StepTimeout(inner.sequence!(), milliseconds);
  }

  override feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    const from = this.inner.length;
    const giveUp = new AbortController();
    let last = 'none of this pass';
    return this.#watched(
      (clock) => {
        const watchedWant: FeedRequest = {
          ...want,
          signal: want.signal === undefined ? giveUp.signal : AbortSignal.any([want.signal, giveUp.signal]),
          onLayer: (done, layers) => {
            clock.restart();
            want.onLayer?.(done, layers);
          },
        };
        return this.inner.feed(tokenIds, watchedWant, async (row) => {
          // Whoever waited for this row has gone.
          if (this.#hasHung) return;
          clock.stop();
          await onRow(row);
          last = `position ${row.position}`;
          clock.restart();
        });
      },
      () => {
        giveUp.abort();
        return { fed: `positions ${from} … ${from + tokenIds.length - 1}`, 'last row': last };
      },
    );
  }

  override truncate(length: number): Promise<void> {
    return this.#watched(
      () => this.inner.truncate(length),
      () => ({ 'under way': `forgetting positions from ${length} on` }),
    );
  }

  override async close(): Promise<void> {
    const closing = this.inner.close();
    if (!this.#hasHung) return closing;
    // What still fails in there was told by the timeout.
    closing.catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([closing.catch(() => undefined), waited]);
    clearTimeout(timer);
  }

  async #watched(
    step: (clock: StepClock) => Promise<void>,
    describe: () => Readonly<Record<string, string>>,
  ): Promise<void> {
    let hang: (error: DeviceError) => void = () => undefined;
    const hung = new Promise<never>((_, reject) => {
      hang = reject;
    });
    const clock = new StepClock(this.#milliseconds, () => {
      this.#hasHung = true;
      const wanted = `a row, or at least a layer, every ${this.#milliseconds / 1000} s`;
      hang(
        new DeviceError(`${this.info.label} hangs: nothing came from it for ${this.#milliseconds / 1000} s.`, {
          code: 'STEP_TIMEOUT',
          facts: { ...describe(), wanted },
          hint: 'reset the device; if it is only slow, write a longer --step-timeout. `qwen-pcc validate --resume` goes on with what is left.',
        }),
      );
    });
    clock.restart();
    const working = (async () => step(clock))();
    // After the timeout nobody listens to it any more.
    working.catch(() => undefined);
    try {
      await Promise.race([working, hung]);
    } finally {
      clock.stop();
    }
  }
}

/** Rings once if it is not restarted in time; stands after that. */
class StepClock {
  readonly #milliseconds: number;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number, ring: () => void) {
    this.#milliseconds = milliseconds;
    this.#ring = ring;
  }

  restart(): void {
    this.stop();
    this.#timer = setTimeout(this.#ring, this.#milliseconds);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
