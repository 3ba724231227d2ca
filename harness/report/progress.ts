// What a run shows on stderr while it goes on: a bar in a terminal, a line for each prompt in a log.
import cliProgress, { type GenericFormatter, SingleBar } from 'cli-progress';
import type { Stage } from '../record/stage.ts';

const REDRAW_MS = 100;

// Node finds no export of that name in the CommonJS package.
const { Format } = cliProgress;

/** Without a token done there is nothing to estimate from. */
const drawBar: GenericFormatter = (options, params, { where }: { readonly where: string }) => {
  const bar = Format.BarFormat(params.progress, options);
  const left = params.value > 0 ? `  ${Format.TimeFormat(params.eta, options, 1)} left` : '';
  return `${bar} ${params.value}/${params.total} tokens${left}  ${where}`;
};

/** What a run tells while it goes on. */
export interface RunProgress {
  /** Called before the first token, of each batch in a demo: the most tokens there can be; texts that end early leave the bar short. */
  start(tokens: number): void;
  /** The device's weights are being packed or looked up: so many layers and slices of the lm_head are ready. */
  packing(ready: number, total: number): void;
  /** What goes on between two tokens; short stages are not drawn. */
  stage(caseName: string, promptName: string, stage: Stage): void;
  /** A token was judged. */
  advance(caseName: string, promptName: string, judged: number): void;
  close(): void;
}

/** @param stream - where to draw: a terminal gets a bar, anything else lines. */
export function createProgress(stream: NodeJS.WriteStream): RunProgress {
  return stream.isTTY ? createBar(stream) : createLines((line) => stream.write(`${line}\n`));
}

/** A log must not look dead: in long prompts a line now and then. */
const LINE_EVERY_MS = 30_000;
/** Of thousands of prompts nobody reads each one's line; as many as the terminal's summary shows. */
const PROMPTS_TOLD = 100;

/** One line when a prompt begins, up to PROMPTS_TOLD of them, and one now and then. */
export function createLines(write: (line: string) => void, now: () => number = () => performance.now()): RunProgress {
  let total = 0;
  let done = 0;
  let prompt = '';
  let prompts = 0;
  let writtenAt = now();
  const say = (line: string): void => {
    writtenAt = now();
    write(line);
  };
  const sayNowAndThen = (line: () => string): void => {
    if (now() - writtenAt >= LINE_EVERY_MS) say(line());
  };
  const begin = (caseName: string, promptName: string): void => {
    const next = `${caseName} · ${promptName}`;
    if (next === prompt) return;
    prompt = next;
    if (++prompts > PROMPTS_TOLD) return;
    say(`${prompt} · ${done} of at most ${total} tokens done`);
  };
  return {
    start(tokens) {
      if (tokens !== total) say(`at most ${tokens} tokens`);
      total = tokens;
      done = 0;
    },
    packing(ready, all) {
      sayNowAndThen(() => `packing weights, ${ready} of ${all}`);
    },
    stage(caseName, promptName, { side, firstPosition, lastPosition, layers }) {
      begin(caseName, promptName);
      const layer = layers === undefined ? '' : `, layer ${layers.done} of ${layers.total}`;
      sayNowAndThen(() => `${prompt} · ${side}, positions ${firstPosition} … ${lastPosition}${layer}`);
    },
    advance(caseName, promptName, tokens) {
      begin(caseName, promptName);
      done = tokens;
      sayNowAndThen(() => `${prompt} · ${done} of at most ${total} tokens done`);
    },
    close() {},
  };
}

function createBar(stream: NodeJS.WriteStream): RunProgress {
  const bar = new SingleBar({
    stream,
    format: drawBar,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    etaBuffer: 100,
  });
  let drawnAt = Number.NEGATIVE_INFINITY;
  return {
    start(tokens) {
      bar.start(tokens, 0, { where: 'opening' });
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
