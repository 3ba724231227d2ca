// The comparison as plain HTML, the first page of such a run's report: its sentence, league, distributions, bytes, and the prompts with their links.
import type { CompareEntrant, CompareRecord } from '../../compare/league/compare-record.ts';
import { footnotes, verdictLine } from '../../compare/league/league-table.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { countOf, formatBytes, formatPcc, formatShare, formatSmall } from '../../report/format.ts';
import type { CollectedRun } from '../collect-run.ts';
import { type Html, html } from '../html.ts';
import { type ComparedEntrant, comparedEntrants } from './compared-run.ts';
import { klPanels } from './kl-panels.ts';
import { PARETO_AXES, paretoPlot } from './pareto-plot.ts';
import { leagueSentence, WORD_MARKS } from './words.ts';

/** Prompts that the table shows; run.json has all of them. */
const PROMPTS_SHOWN = 200;

export function comparisonPage(record: CompareRecord, run: RunRecord, collected: CollectedRun): Html {
  const entrants = comparedEntrants(record, run, collected);
  const base = entrants.find(({ entrant }) => entrant.word === 'base');
  const others = entrants.filter((one) => one !== base);
  const panels = klPanels(others, base);
  const plots = PARETO_AXES.map((axis) => paretoPlot(record.league, axis)).filter((plot) => plot !== null);
  return html`<section id="comparison" class="verdict comparison" aria-labelledby="comparison-title">
<p class="badge">Comparison</p>
<h1 id="comparison-title">${leagueSentence(record)}</h1>
<p class="headline">${countOf(record.tokens, 'token')} of ${countOf(record.prompts, 'prompt')}, the same ones for all; ${base === undefined ? `against ${record.base}, the reference itself` : 'every variant against the reference of the base'}.</p>
${leagueTable(record)}
${accuracyTable(record, entrants)}
${
  panels === null
    ? null
    : html`<h2 id="distributions">How far tokens are from the reference <small>share of tokens by KL, nat; bars: the variant${base === undefined ? null : `, line: ${record.base}`}; one scale</small></h2>
${panels}`
}
${plots}
${promptTable(entrants)}
<h2>How it was counted</h2>
<ul class="counted">${footnotes(record).map((line) => html`<li>${line}</li>\n`)}</ul>
<h2>Repeat</h2>
<p><code class="command">${record.command}</code></p>
</section>`;
}

interface Cell {
  readonly head: string;
  readonly of: (entrant: CompareEntrant) => string;
}

const COST: readonly Cell[] = [
  { head: 'bits/weight', of: ({ storage }) => storage?.bitsPerWeight.toFixed(2) ?? '' },
  { head: 'file', of: ({ storage }) => (storage === null ? '' : formatBytes(storage.fileBytes)) },
  {
    head: 'on the device',
    of: ({ deviceStorage }) => (deviceStorage === null ? '' : formatBytes(deviceStorage.weightBytes)),
  },
  {
    head: 'tokens/s/user ≤',
    of: ({ deviceStorage }) => (deviceStorage === null ? '' : speedText(deviceStorage.tokensPerSecondMax)),
  },
  { head: 'Q', of: ({ checkpoint }) => smallOrNothing(checkpoint?.klMean) },
  { head: 'D', of: ({ device }) => smallOrNothing(device?.klMean) },
  { head: 'T', of: ({ total }) => formatSmall(total.klMean) },
];

const ACCURACY: readonly Cell[] = [
  { head: 'PCC min', of: ({ total }) => formatPcc(total.pccMinimum) },
  { head: 'PCC p1', of: ({ total }) => formatPcc(total.pccP1) },
  { head: 'PCC median', of: ({ total }) => formatPcc(total.pccMedian) },
  { head: 'KL mean', of: ({ total }) => formatSmall(total.klMean) },
  { head: 'KL median', of: ({ total }) => formatSmall(total.klMedian) },
  { head: 'KL p99', of: ({ total }) => formatSmall(total.klP99) },
  { head: 'top-1', of: ({ total }) => formatShare(total.top1) },
  { head: 'real flips', of: ({ total }) => formatShare(total.realFlips) },
  { head: 'regret', of: ({ total }) => formatSmall(total.regretMean) },
];

function leagueTable({ league }: CompareRecord): Html {
  const rows = league.map(
    (entrant) =>
      html`<tr class="${entrant.word}"><th scope="row">${entrant.label}${
        (entrant.storage?.encoding ?? null) === null ? null : html`<small>${entrant.storage!.encoding}</small>`
      }</th><td class="reason"><span class="word ${entrant.word}"><span aria-hidden="true">${WORD_MARKS[entrant.word]}</span> ${entrant.word}</span>${reason(entrant)}</td>${COST.map(
        ({ of }) => html`<td class="n">${of(entrant)}</td>`,
      )}<td class="n">${ratio(entrant)}</td></tr>\n`,
  );
  return html`<h2 id="league">League <small>words of paired statistics; Q: damage of the checkpoint, D: of the device, T: what a user gets, mean KL in nat</small></h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="league"><table class="league"><thead><tr><th scope="col">entrant</th><th scope="col">verdict</th>${COST.map(
    ({ head }) => html`<th scope="col" class="n">${head}</th>`,
  )}<th scope="col" class="n">PPL ratio</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** The word itself stands before it. */
function reason(entrant: CompareEntrant): Html | null {
  const line = verdictLine(entrant);
  const rest = line.startsWith(entrant.word) ? line.slice(entrant.word.length).trim() : line;
  return rest === '' ? null : html`<small>${rest}</small>`;
}

function ratio({ perplexityRatio }: CompareEntrant): Html | string {
  if (perplexityRatio === null) return '';
  const { value, lower, upper } = perplexityRatio;
  return html`${ratioText(value)}<small>${ratioText(lower)} … ${ratioText(upper)}</small>`;
}

/** Ends of few prompts may be anywhere. */
function ratioText(value: number): string {
  return value < 100 ? value.toFixed(3) : value.toPrecision(2);
}

function speedText(tokens: number): string {
  return tokens.toFixed(tokens < 100 ? 1 : 0);
}

function smallOrNothing(value: number | null | undefined): string {
  return value === undefined || value === null ? '' : formatSmall(value);
}

function accuracyTable({ league }: CompareRecord, entrants: readonly ComparedEntrant[]): Html {
  const rows = league.map((entrant, i) => {
    const link = entrants[i]!.prompts[0]?.link;
    return html`<tr><th scope="row">${link === undefined ? entrant.label : html`<a href="${link}">${entrant.label}</a>`}</th>${ACCURACY.map(
      ({ of }) => html`<td class="n">${of(entrant)}</td>`,
    )}</tr>\n`;
  });
  return html`<h2 id="accuracy">Accuracy <small>T: what a user gets, against the reference of the base; a name leads to its tokens</small></h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="accuracy"><table class="accuracy"><thead><tr><th scope="col">entrant</th>${ACCURACY.map(
    ({ head }) => html`<th scope="col" class="n">${head}</th>`,
  )}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Where it differs: mean KL of every prompt and entrant, each a link to its tokens. */
function promptTable(entrants: readonly ComparedEntrant[]): Html | null {
  const labels = [...new Set(entrants.flatMap(({ prompts }) => prompts.map(({ label }) => label)))];
  if (labels.length === 0) return null;
  const byLabel = entrants.map(({ prompts }) => new Map(prompts.map((prompt) => [prompt.label, prompt])));
  const rows = labels.slice(0, PROMPTS_SHOWN).map((label) => {
    const cells = byLabel.map((of) => {
      const prompt = of.get(label);
      return html`<td class="n">${prompt === undefined ? '' : html`<a href="${prompt.link}">${formatSmall(prompt.klMean)}</a>`}</td>`;
    });
    return html`<tr><th scope="row">${label}</th>${cells}</tr>\n`;
  });
  const more = labels.length - rows.length;
  return html`<h2 id="by-prompt">By prompt <small>mean KL, nat; each number leads to its tokens</small></h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="by-prompt"><table class="by-prompt"><thead><tr><th scope="col">prompt</th>${entrants.map(
    ({ entrant }) => html`<th scope="col" class="n">${entrant.label}</th>`,
  )}</tr></thead><tbody>${rows}</tbody></table></div>
${more > 0 ? html`<p class="note">and ${countOf(more, 'prompt')} more in run.json</p>` : null}`;
}
