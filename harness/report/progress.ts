// A progress bar on stderr while a run goes on; silent when stderr is not a terminal.
import { SingleBar } from 'cli-progress';

/** What a run tells while it goes on. */
export interface RunProgress {
  /** Called once the number of tokens is known; it may shrink when texts end early. */
  total(tokens: number): void;
  /** A token was judged. */
  advance(caseName: string, promptName: string, judged: number): void;
  close(): void;
}

/** @param stream - where to draw: a terminal, or nothing is drawn. */
export function createProgress(stream: NodeJS.WriteStream): RunProgress {
  if (!stream.isTTY) return { total: () => undefined, advance: () => undefined, close: () => undefined };
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total} tokens  {eta_formatted} left  {where}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    etaBuffer: 100,
  });
  let isStarted = false;
  return {
    total(tokens) {
      if (isStarted) bar.setTotal(tokens);
      else bar.start(tokens, 0, { where: '' });
      isStarted = true;
    },
    advance(caseName, promptName, judged) {
      bar.update(judged, { where: `${caseName} · ${promptName}` });
    },
    close() {
      if (isStarted) bar.stop();
    },
  };
}
