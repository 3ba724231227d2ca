// A run among the runs before and after it, as a part of its report: a plot a series, what moved, where it broke, accepted states.
import type { AcceptedState, HistoryPoint, HistoryRecord, HistorySeries } from '../../history/history-record.ts';
import { sentencesOf, seriesTitle } from '../../history/history-text.ts';
import { countOf, formatShare, formatSmall } from '../../report/format.ts';
import { Html, html } from '../html.ts';
import { historyPlot } from './history-plot.ts';

/** Of a series; a nightly run of half a year. */
const POINTS_SHOWN = 200;
const SENTENCES_SHOWN = 12;
const SHA_DIGITS = 9;

/** Here and not in the app: most reports have no history. */
const STYLE = `.over-time svg{display:block;width:100%;max-width:45rem;font-size:11px}.over-time text{fill:var(--quiet)}.over-time line{stroke:var(--rule)}.over-time polyline{fill:none;stroke:var(--cell-dark)}.over-time .pass{fill:var(--line)}.over-time .fail{fill:var(--fail)}.over-time .invalid,.over-time .error{fill:var(--invalid)}.over-time .here{fill:none;stroke:var(--select);stroke-width:2}.over-time h3{font-size:1rem;margin:.8rem 0 .2rem}.over-time h3 small{font-weight:400;color:var(--quiet)}.over-time ul{padding-left:1.1rem;font-size:.9rem;max-width:60rem}`;

/** @param record - of this run: every series has a point of it. */
export function historySection(record: HistoryRecord, runId: string): Html {
  const { series, baseline, leftOut } = record;
  return html`<section class="over-time" aria-labelledby="over-time"><style>${new Html(STYLE)}</style>
<h2 id="over-time">Over time <small>mean KL in nat; the ring is this run, a square is no pass</small></h2>
${series.map((one) => seriesBlock(one, runId))}${baseline === null ? null : statesTable(baseline)}${leftOut.map(({ folder, reason }) => html`<p class="note">Left out: ${folder}: ${reason}</p>\n`)}</section>
`;
}

function seriesBlock(one: HistorySeries, runId: string): Html {
  const shown = around(one.points, runId);
  const more = one.points.length - shown.length;
  const sentences = sentencesOf(one);
  return html`<h3>${seriesTitle(one, false)}</h3>
${historyPlot(shown, runId)}
${more === 0 ? null : html`<p class="note">and ${countOf(more, 'run')} more in history.json</p>\n`}<ul>${sentences.slice(-SENTENCES_SHOWN).map((line) => html`<li>${line}</li>\n`)}</ul>
`;
}

/** The last ones, or those up to the run where it is older. */
function around(points: readonly HistoryPoint[], runId: string): readonly HistoryPoint[] {
  const at = points.findIndex((point) => point.runId === runId);
  const end = at < points.length - POINTS_SHOWN ? at + 1 : points.length;
  return points.slice(Math.max(0, end - POINTS_SHOWN), end);
}

function statesTable({ states, withoutGit }: NonNullable<HistoryRecord['baseline']>): Html {
  return html`<h3 id="accepted">Accepted states${withoutGit === null ? null : html` <small>without git: those that the file itself keeps</small>`}</h3>
<div class="scroll" tabindex="0" role="region" aria-labelledby="accepted"><table><thead><tr><th scope="col">accepted</th><th scope="col">run</th><th scope="col">commit</th><th scope="col">reason</th><th scope="col">case</th><th scope="col" class="n">KL mean / nat</th><th scope="col" class="n">same choice</th></tr></thead><tbody>${states.map(stateRows)}</tbody></table></div>
`;
}

function stateRows({ acceptedAt, runId, commit, reason, marks }: AcceptedState): Html[] {
  return marks.map(
    ({ case: name, variant, klMean, top1 }) =>
      html`<tr><th scope="row">${acceptedAt.slice(0, 10)}</th><td>${runId}</td><td>${commit?.sha.slice(0, SHA_DIGITS) ?? 'none'}</td><td class="why">${reason}</td><td>${variant === name ? name : `${name} › ${variant}`}</td><td class="n">${formatSmall(klMean)}</td><td class="n">${formatShare(top1)}</td></tr>\n`,
  );
}
