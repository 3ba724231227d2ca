// A history as one HTML file without a script: a plot of mean KL for each series, with its runs, sentences and accepted states.
import { Html, html } from '../lens/html.ts';
import { formatPcc, formatShare, formatSmall } from '../report/format.ts';
import type { HistoryPoint, HistoryRecord, HistorySeries } from './history-record.ts';
import { isAmbiguous, sentencesOf, seriesTitle, toolWords } from './history-text.ts';

const WIDTH = 720;
const HEIGHT = 160;
const EDGE = 44;

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1f;background:#fff}
table{border-collapse:collapse;font-size:14px}td,th{padding:.15rem .6rem;text-align:right;white-space:nowrap}td:first-child,th:first-child,.l{text-align:left}
svg{width:100%;height:auto;max-width:45rem}.pass{fill:#1a7f37}.fail{fill:#b3261e}.invalid,.error{fill:#7a5900}line{stroke:#c4c4cc}polyline{fill:none;stroke:#55555f}text{font-size:11px;fill:#44444c}
@media(prefers-color-scheme:dark){body{color:#e8e8ee;background:#15151a}text{fill:#c8c8d0}.pass{fill:#4ac26b}.fail{fill:#ff8a80}.invalid,.error{fill:#ffcc66}polyline{stroke:#a0a0ac}line{stroke:#4a4a52}}`;

/** @returns the text of the file. */
export function historyPage(record: HistoryRecord): string {
  const { series, baseline, leftOut } = record;
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>qwen-pcc: runs over time</title><style>${new Html(STYLE)}</style></head><body>
<h1>Runs over time</h1>
${series.map((one) => seriesBlock(one, isAmbiguous(one, series)))}
${baseline === null ? null : stateBlock(baseline)}
${leftOut.length === 0 ? null : html`<h2>Left out</h2><ul>${leftOut.map(({ folder, reason }) => html`<li>${folder}: ${reason}</li>`)}</ul>`}
</body></html>
`;
  return page.text;
}

function seriesBlock(one: HistorySeries, isNamed: boolean): Html {
  const rows = one.points.map(
    (point) =>
      html`<tr><td>${point.runId}</td><td class="l">${toolWords(point)}</td><td class="l">${point.status}</td><td>${point.tokens}</td><td>${formatSmall(point.klMean)}</td><td>${formatPcc(point.pccMedian)}</td><td>${formatPcc(point.pccMin)}</td><td>${formatShare(point.top1)}</td></tr>\n`,
  );
  return html`<section><h2>${seriesTitle(one, isNamed)}</h2>
${plot(one)}
<ul>${sentencesOf(one).map((line) => html`<li>${line}</li>`)}</ul>
<table><thead><tr><th>run</th><th class="l">qwen-pcc</th><th class="l">verdict</th><th>tokens</th><th>KL mean / nat</th><th>PCC median</th><th>PCC lowest</th><th>top-1</th></tr></thead><tbody>${rows}</tbody></table></section>
`;
}

/** Mean KL from 0 on, a mark a run, evenly spaced in the order of dates: what runs a night apart and a year apart did is told by the table. */
function plot({ points }: HistorySeries): Html {
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
${known.map(({ point, i, kl }) => mark(point, x(i), y(kl)))}
</svg>`;
}

/** Circles pass, squares do not: colours alone would not tell. */
function mark(point: HistoryPoint, x: number, y: number): Html {
  const title = html`<title>${point.runId}: ${point.status}, mean KL ${formatSmall(point.klMean)} nat</title>`;
  return point.status === 'pass'
    ? html`<circle class="pass" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="4">${title}</circle>`
    : html`<rect class="${point.status}" x="${(x - 4).toFixed(1)}" y="${(y - 4).toFixed(1)}" width="8" height="8">${title}</rect>`;
}

function dayOf(point: HistoryPoint | undefined): string {
  return point?.startedAt.slice(0, 10) ?? '';
}

function stateBlock({ file, withoutGit, states }: NonNullable<HistoryRecord['baseline']>): Html {
  const rows = states.flatMap((state) =>
    state.marks.map(
      (mark) =>
        html`<tr><td>${state.acceptedAt.slice(0, 10)}</td><td class="l">${state.runId}</td><td class="l">${state.commit?.sha.slice(0, 9) ?? 'none'}</td><td class="l">${state.reason}</td><td class="l">${mark.case}, ${mark.variant}</td><td>${formatSmall(mark.klMean)}</td><td>${formatShare(mark.top1)}</td></tr>\n`,
    ),
  );
  return html`<section><h2>Accepted states of ${file}</h2>
${withoutGit === null ? null : html`<p>${withoutGit}; only what the file itself keeps.</p>`}
<table><thead><tr><th>accepted</th><th class="l">run</th><th class="l">commit</th><th class="l">reason</th><th class="l">case</th><th>KL mean / nat</th><th>top-1</th></tr></thead><tbody>${rows}</tbody></table></section>
`;
}
