// All tokens of the run at once: one row a prompt and variant, one cell a token; a canvas, since 65,536 elements would take seconds.
import { useEffect, useRef, useState } from 'preact/hooks';
import { FIRST_FAILING } from '../lens/lens-format.ts';
import { promptLabel } from '../record/token-record.ts';
import { paintOverview, readInks, rowHeight } from './paint-overview.ts';
import type { Report, Sequence } from './report.ts';
import { isDifference, metric, partner, place } from './state.ts';
import { useScheme, useWidth } from './watch.ts';

export function OverviewMap({ report }: { readonly report: Report }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const scheme = useScheme();
  const [hover, setHover] = useState('');
  const { sequences } = report;
  const height = rowHeight(sequences.length);
  const longest = Math.max(...sequences.map(({ tokens }) => tokens));
  const at = place.value;
  useEffect(() => {
    if (width === 0 || canvas.current === null) return;
    paintOverview(canvas.current, report, {
      width,
      height,
      longest,
      metric: metric.value,
      isDifference: isDifference.value,
      inks: readInks(canvas.current),
      place: place.value,
    });
  }, [width, scheme, at, metric.value, isDifference.value, partner.value]);

  const find = (event: MouseEvent): { sequence: Sequence; token: number } | undefined => {
    const bounds = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const sequence = sequences[Math.floor((event.clientY - bounds.top) / height)];
    if (sequence === undefined) return undefined;
    const token = Math.floor(((event.clientX - bounds.left) / bounds.width) * longest);
    return token < sequence.tokens ? { sequence, token } : undefined;
  };
  const failing = sequences.reduce((sum, one) => sum + one.failing, 0);
  const worstPrompt = sequences.reduce((a, b) => (b.failing > a.failing ? b : a));
  const total = report.overview.status.length;
  const summary = `Overview of ${total} tokens in ${sequences.length} rows, one row a prompt${report.head.cases.some((one) => one.variants.length > 1) ? ' and variant' : ''}: ${failing} fail${failing === 0 ? '' : `, most of them in ${promptLabel(worstPrompt)} (${worstPrompt.failing} of ${worstPrompt.tokens})`}.`;
  return (
    <figure class="overview">
      <div class="overview-scroll">
        <div
          class="overview-names"
          aria-hidden="true"
          style={{ lineHeight: `${height}px`, fontSize: `${Math.min(11, height - 1)}px` }}
        >
          {height < 8
            ? null
            : sequences.map((one) => (
                <div key={one.index} class={one.index === at?.sequence ? 'here' : ''}>
                  <bdi>{leftName(report, one)}</bdi>
                </div>
              ))}
        </div>
        <div class="overview-cells" ref={box}>
          <canvas
            ref={canvas}
            role="img"
            aria-label={summary}
            onClick={(event) => {
              const found = find(event);
              if (found === undefined) return;
              place.value = {
                sequence: found.sequence.index,
                token: nearestFailing(report, found.sequence, found.token, longest / width),
              };
            }}
            onMouseMove={(event) => {
              const found = find(event);
              setHover(
                found === undefined
                  ? ''
                  : `${rowName(report, found.sequence)}, token ${found.token} of ${found.sequence.tokens}`,
              );
            }}
            onMouseLeave={() => setHover('')}
          />
        </div>
      </div>
      <figcaption>
        {isDifference.value ? <DifferenceLegend /> : <Legend />}
        <RowsLegend report={report} />
        <span class="hover">{hover}</span>
      </figcaption>
    </figure>
  );
}

/** Of the variants of a prompt only the first row has its name; the others have theirs. */
function leftName({ sequences }: Report, one: Sequence): string {
  const before = sequences[one.index - 1];
  const isBeside = before?.prompt === one.prompt && before.user === one.user && before.case === one.case;
  return isBeside ? `  ${one.on.name}` : promptLabel(one);
}

function rowName(report: Report, one: Sequence): string {
  const parts = [promptLabel(one)];
  if (one.of.variants.length > 1) parts.push(one.on.name);
  if (report.head.cases.length > 1 && parts.length === 1) return parts[0]!;
  return parts.join(' · ');
}

/** A cell of the picture may be several tokens: the one that is seen there is the failing one. */
function nearestFailing(report: Report, sequence: Sequence, token: number, reach: number): number {
  for (let k = 0; k <= Math.ceil(reach) + 1; k++) {
    for (const one of [token + k, token - k]) {
      if (one >= 0 && one < sequence.tokens && report.statusOf(sequence, one) >= FIRST_FAILING) return one;
    }
  }
  return token;
}

function Legend() {
  return (
    <>
      <span class="key">
        <i class="swatch pass" />
        passes, darker: {metric.value === 'pcc' ? 'lower PCC' : 'higher KL'}
      </span>
      <span class="key">
        <i class="swatch near" />
        near tie
      </span>
      <span class="key">
        <i class="swatch fail" />
        fails
      </span>
      <span class="key">
        <i class="swatch invalid" />
        invalid
      </span>
      <span class="key">
        <i class="swatch notch" />
        decode begins
      </span>
    </>
  );
}

/** Which variant a prompt's first row is. */
function RowsLegend({ report }: { readonly report: Report }) {
  const names = [...new Set(report.head.cases.flatMap(({ variants }) => variants.map(({ name }) => name)))];
  if (report.head.cases.every(({ variants }) => variants.length < 2)) return null;
  return <span class="key">rows: {names.join(', ')}</span>;
}

function DifferenceLegend() {
  return (
    <>
      <span class="key">
        <i class="swatch better" />
        nearer to the reference than the other variant
      </span>
      <span class="key">
        <i class="swatch worse" />
        further away
      </span>
    </>
  );
}
