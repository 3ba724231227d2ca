// A history as one HTML file without a script: a plot of mean KL for each series, with its runs, sentences and accepted states.
import type { HistoryRecord, HistorySeries } from '../../history/history-record.ts';
import { isAmbiguous, sentencesOf, seriesTitle, toolWords } from '../../history/history-text.ts';
import { formatPcc, formatShare, formatSmall } from '../../report/format.ts';
import { Html, html } from '../html.ts';
import { historyPlot } from './history-plot.ts';

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
${historyPlot(one.points)}
<ul>${sentencesOf(one).map((line) => html`<li>${line}</li>`)}</ul>
<table><thead><tr><th>run</th><th class="l">qwen-pcc</th><th class="l">verdict</th><th>tokens</th><th>KL mean / nat</th><th>PCC median</th><th>PCC lowest</th><th>top-1</th></tr></thead><tbody>${rows}</tbody></table></section>
`;
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
