// Mean KL of a series of runs as one SVG: a mark a run, whose form says whether it passed; inked by the page that it stands in.
import type { HistoryPoint } from '../../history/history-record.ts';
import { formatSmall } from '../../report/format.ts';
import { type Html, html } from '../html.ts';

const WIDTH = 720;
const HEIGHT = 160;
const EDGE = 44;
const RADIUS = 4;

/**
 * Mean KL from 0 on, evenly spaced in the order of dates: what runs a night apart and a year apart did is told by the table.
 *
 * @param here - run that has a ring around its mark.
 */
export function historyPlot(points: readonly HistoryPoint[], here: string | null = null): Html {
  const highest = Math.max(...points.map(({ klMean }) => klMean ?? 0)) || 1;
  const x = (i: number): number => EDGE + (points.length === 1 ? 0.5 : i / (points.length - 1)) * (WIDTH - 2 * EDGE);
  const y = (kl: number): number => HEIGHT - 24 - (kl / highest) * (HEIGHT - 48);
  const known = points.flatMap((point, i) => (point.klMean === null ? [] : [{ point, i, kl: point.klMean }]));
  const line = known.map(({ i, kl }) => `${x(i).toFixed(1)},${y(kl).toFixed(1)}`).join(' ');
  const label = `Mean KL of ${points.length} runs, from ${formatSmall(known[0]?.kl ?? null)} to ${formatSmall(known.at(-1)?.kl ?? null)} nat; highest ${formatSmall(highest)}.`;
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">
<line x1="${EDGE}" y1="${y(0)}" x2="${WIDTH - EDGE}" y2="${y(0)}"/><line x1="${EDGE}" y1="${y(highest)}" x2="${WIDTH - EDGE}" y2="${y(highest)}"/>
<text x="2" y="${y(0) + 4}">0</text><text x="2" y="${y(highest) + 4}">${formatSmall(highest)}</text><text x="2" y="${y(highest) + 18}">nat</text>
<text x="${EDGE}" y="${HEIGHT - 4}">${dayOf(points[0])}</text><text x="${WIDTH - EDGE}" y="${HEIGHT - 4}" text-anchor="end">${dayOf(points.at(-1))}</text>
<polyline points="${line}"/>
${known.map(({ point, i, kl }) => mark(point, x(i), y(kl), point.runId === here))}
</svg>`;
}

/** Circles pass, squares do not: colours alone would not tell. */
function mark(point: HistoryPoint, x: number, y: number, isHere: boolean): Html {
  const title = html`<title>${point.runId}: ${point.status}, mean KL ${formatSmall(point.klMean)} nat</title>`;
  const at = html`cx="${x.toFixed(1)}" cy="${y.toFixed(1)}"`;
  const ring = isHere ? html`<circle class="here" ${at} r="${2 * RADIUS}"/>` : null;
  return point.status === 'pass'
    ? html`${ring}<circle class="pass" ${at} r="${RADIUS}">${title}</circle>`
    : html`${ring}<rect class="${point.status}" x="${(x - RADIUS).toFixed(1)}" y="${(y - RADIUS).toFixed(1)}" width="${2 * RADIUS}" height="${2 * RADIUS}">${title}</rect>`;
}

function dayOf(point: HistoryPoint | undefined): string {
  return point?.startedAt.slice(0, 10) ?? '';
}
