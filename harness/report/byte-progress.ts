// A progress bar on stderr for long writes, counted in gigabytes; silent when stderr is not a terminal.
import { SingleBar } from 'cli-progress';

export interface ByteProgress {
  update(done: number, total: number): void;
  close(): void;
}

/** @param stream - where to draw: a terminal; the bar draws nothing on anything else. */
export function createByteProgress(stream: NodeJS.WriteStream): ByteProgress {
  const bar = new SingleBar({
    stream,
    format: '{bar} {percentage} %  {doneGb}/{totalGb} GB  {eta_formatted} left',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
  });
  const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(2);
  let isOpen = false;
  return {
    update(done, total) {
      const shown = { doneGb: gigabytes(done), totalGb: gigabytes(total) };
      if (!isOpen) bar.start(total, 0, shown);
      isOpen = true;
      bar.update(done, shown);
    },
    close() {
      bar.stop();
      isOpen = false;
    },
  };
}
