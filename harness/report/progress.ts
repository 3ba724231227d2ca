// A progress bar on stderr while a run goes on; silent when stderr is not a terminal.
import { SingleBar } from 'cli-progress';
import type { Stage } from '../record/stage.ts';

const REDRAW_MS = 100;

/** What a run tells while it goes on. */
export interface RunProgress {
  /** Called once, before the first token: the most tokens there can be; texts that end early leave the bar short. */
  start(tokens: number): void;
  /** The device's weights are being packed or looked up: so many layers and slices of the lm_head are ready. */
  packing(ready: number, total: number): void;
  /** What goes on between two tokens; short stages are not drawn. */
  stage(caseName: string, promptName: string, stage: Stage): void;
  /** A token was judged. */
  advance(caseName: string, promptName: string, judged: number): void;
  close(): void;
}

/** @param stream - where to draw: a terminal, or nothing is drawn. */
export function createProgress(stream: NodeJS.WriteStream): RunProgress {
  if (!stream.isTTY)
    return {
      start: () => undefined,
      packing: () => undefined,
      stage: () => undefined,
      advance: () => undefined,
      close: () => undefined,
    };
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total} tokens  {eta_formatted} left  {where}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    etaBuffer: 100,
  });
  let drawnAt = Number.NEGATIVE_INFINITY;
  return {
    start(tokens) {
      bar.start(tokens, 0, { where: '' });
    },
    packing(ready, total) {
      bar.update({ where: ready < total ? `packing weights, ${ready} of ${total}` : '' });
      // Packing may not yield to the timer that draws.
      bar.render();
    },
    stage(caseName, promptName, { side, firstPosition, lastPosition, layers }) {
      const layer = layers === undefined ? '' : `, layer ${layers.done} of ${layers.total}`;
      bar.update({
        where: `${caseName} · ${promptName} · ${side}, positions ${firstPosition} … ${lastPosition}${layer}`,
      });
      // Neither side yields to the timer that draws; a small model would draw thousands of times.
      if (performance.now() - drawnAt < REDRAW_MS) return;
      drawnAt = performance.now();
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
