// A progress bar on stderr while a run goes on; silent when stderr is not a terminal.
import { SingleBar } from 'cli-progress';

/** What a run tells while it goes on. */
export interface RunProgress {
  /** Called once, before the first token: the most tokens there can be; texts that end early leave the bar short. */
  start(tokens: number): void;
  /** The device's weights are being packed or looked up: so many layers and slices of the lm_head are ready. */
  packing(ready: number, total: number): void;
  /** A token was judged. */
  advance(caseName: string, promptName: string, judged: number): void;
  close(): void;
}

/** @param stream - where to draw: a terminal, or nothing is drawn. */
export function createProgress(stream: NodeJS.WriteStream): RunProgress {
  if (!stream.isTTY)
    return { start: () => undefined, packing: () => undefined, advance: () => undefined, close: () => undefined };
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total} tokens  {eta_formatted} left  {where}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    etaBuffer: 100,
  });
  return {
    start(tokens) {
      bar.start(tokens, 0, { where: '' });
    },
    packing(ready, total) {
      bar.update({ where: ready < total ? `packing weights, ${ready} of ${total}` : '' });
      // Packing may not yield to the timer that draws.
      bar.render();
    },
    advance(caseName, promptName, judged) {
      bar.update(judged, { where: `${caseName} · ${promptName}` });
    },
    close() {
      bar.stop();
    },
  };
}
