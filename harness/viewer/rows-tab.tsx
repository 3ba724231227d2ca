// Both whole rows as a density picture with the fitted line, and the histogram of their differences.
import { useEffect, useRef } from 'preact/hooks';
import { DENSITY_CELLS, type RowPicture } from '../lens/lens-format.ts';
import { formatSmall } from '../report/format.ts';
import { bytesOf } from './blocks.ts';
import { readInks } from './paint-overview.ts';
import type { TokenView } from './views.ts';
import { useScheme } from './watch.ts';
import { gainWords } from './words.ts';

export function NoRows({ report, sequence, what }: Pick<TokenView, 'report' | 'sequence'> & { readonly what: string }) {
  return (
    <p class="quiet">
      The run kept no rows of this token: {what} of the first failing tokens of each prompt only (
      {sequence.failing === 0 ? 'none fails here' : 'files in evidence/'}). The command under “Why” runs this token of{' '}
      {report.head.runId} again.
    </p>
  );
}

export function RowsTab(view: TokenView) {
  const { picture } = view.detail.note;
  if (picture === undefined) return <NoRows {...view} what="pictures exist" />;
  const gain = view.spine.gain[view.token]!;
  return (
    <>
      <Density picture={picture} gain={gain} offset={view.detail.number('offset')} />
      <Histogram picture={picture} />
      <p class="quiet">
        From <code>{picture.evidence}</code>, both rows in float32.
      </p>
    </>
  );
}

const SIDE = 320;

function Density({
  picture,
  gain,
  offset,
}: {
  readonly picture: RowPicture;
  readonly gain: number;
  readonly offset: number;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useScheme();
  const [low, high] = picture.range;
  useEffect(() => {
    const element = canvas.current!;
    const inks = readInks(element);
    const levels = bytesOf(picture.density);
    const context = element.getContext('2d')!;
    context.fillStyle = css(inks.ground);
    context.fillRect(0, 0, SIDE, SIDE);
    const cell = SIDE / DENSITY_CELLS;
    for (let i = 0; i < levels.length; i++) {
      if (levels[i] === 0) continue;
      context.globalAlpha = 0.15 + (levels[i]! / 255) * 0.85;
      context.fillStyle = css(inks.select);
      const [column, row] = [i % DENSITY_CELLS, Math.floor(i / DENSITY_CELLS)];
      context.fillRect(column * cell, SIDE - (row + 1) * cell, cell, cell);
    }
    context.globalAlpha = 1;
    const to = (value: number): number => ((value - low) / (high - low)) * SIDE;
    const line = (slope: number, shift: number, dash: number[], ink: string): void => {
      context.strokeStyle = ink;
      context.lineWidth = 1.5;
      context.setLineDash(dash);
      context.beginPath();
      context.moveTo(0, SIDE - to(slope * low + shift));
      context.lineTo(SIDE, SIDE - to(slope * high + shift));
      context.stroke();
    };
    line(1, 0, [3, 4], css(inks.dark));
    if (!Number.isNaN(gain + offset)) line(gain, offset, [], css(inks.fail));
  }, [picture, scheme]);
  const fit = Number.isNaN(gain)
    ? 'no line fits'
    : `fitted line: device = ${formatSmall(gain)} · golden + ${formatSmall(offset)}; ${gainWords(gain)}`;
  return (
    <figure class="density">
      <canvas
        ref={canvas}
        width={SIDE}
        height={SIDE}
        role="img"
        aria-label={`Density of golden logits (across) against device logits (up), both from ${formatSmall(low)} to ${formatSmall(high)}; ${fit}.`}
      />
      <figcaption>
        golden across, device up, both {formatSmall(low)} to {formatSmall(high)}; dashed: equal; {fit}
      </figcaption>
    </figure>
  );
}

function Histogram({ picture: { errors, errorMax } }: { readonly picture: RowPicture }) {
  const most = Math.max(...errors, 1);
  const total = errors.reduce((sum, count) => sum + count, 0);
  const middle = Math.floor(errors.length / 2);
  const near = errors.slice(middle - 2, middle + 3).reduce((sum, count) => sum + count, 0);
  const words = `${((near / Math.max(1, total)) * 100).toFixed(0)} % of differences lie within ${formatSmall((errorMax * 5) / errors.length)} of zero; the largest is ${formatSmall(errorMax)}`;
  return (
    <figure class="histogram">
      <svg
        viewBox={`0 0 ${errors.length * 4} 60`}
        role="img"
        aria-label={`Histogram of differences device minus golden, from ${formatSmall(-errorMax)} to ${formatSmall(errorMax)}: ${words}.`}
      >
        {errors.map((count, i) => {
          const height = count === 0 ? 0 : Math.max(1, (Math.log1p(count) / Math.log1p(most)) * 58);
          return <rect key={i} x={i * 4} y={60 - height} width={3} height={height} />;
        })}
        <line x1={errors.length * 2 - 0.5} x2={errors.length * 2 - 0.5} y1={0} y2={60} />
      </svg>
      <figcaption>
        device − golden, {formatSmall(-errorMax)} to {formatSmall(errorMax)}, counts on a logarithmic scale; {words}
      </figcaption>
    </figure>
  );
}

function css(ink: readonly number[]): string {
  return `rgb(${ink.join(' ')})`;
}
