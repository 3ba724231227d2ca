// Time that one side takes, over all sequences that share its passes: each millisecond is counted for one row.

export class SideClock {
  #since = 0;
  #feeds = 0;

  /** Runs a feed; of several at a time, the first one starts the clock. */
  async during(feed: () => Promise<void>): Promise<void> {
    if (this.#feeds++ === 0) this.resume();
    try {
      await feed();
    } finally {
      this.#feeds--;
    }
  }

  /** @returns milliseconds since the clock was started, resumed or read. */
  lap(): number {
    const now = performance.now();
    const milliseconds = now - this.#since;
    this.#since = now;
    return milliseconds;
  }

  /** Leaves out what was done since it was read. */
  resume(): void {
    this.#since = performance.now();
  }
}
