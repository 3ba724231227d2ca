// Ctrl-C: the first one stops cleanly, the second one at once.
import type { PackingProgress } from '../../src/device/n150/device-weights.ts';
import type { RunProgress } from '../report/progress.ts';

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives Ctrl-C back to the process. */
  release(): void;
}

/** @param message - what stderr says when the first Ctrl-C comes. */
export function onInterrupt(message: string): Interrupt {
  const controller = new AbortController();
  const stop = (): void => {
    process.stderr.write(`\n${message}; Ctrl-C again stops at once\n`);
    controller.abort();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}

/** Shows the packing of weights, and ends it after the layer under way when the user stops. */
export function packingUntil(signal: AbortSignal, progress: RunProgress): PackingProgress {
  return (ready, total) => {
    signal.throwIfAborted();
    progress.packing(ready, total);
  };
}
