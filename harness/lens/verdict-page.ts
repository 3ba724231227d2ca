// The first screen of a report as plain HTML: it reads, prints and links without a script.

import { describeLoosening } from '../gate/allowance-words.ts';
import type { TokenHighlights } from '../gate/token-highlights.ts';
import type { CaseRecord, PromptRecord, RunRecord, VariantRecord } from '../record/run-record.ts';
import { promptLabel, type SequenceKey, sequenceId, type TokenKey } from '../record/token-record.ts';
import type { RuleResult } from '../record/verdict.ts';
import { allowanceLines, rulesFileLines } from '../report/allowance-lines.ts';
import { baselineLines } from '../report/baseline-lines.ts';
import { coverageLine } from '../report/coverage-line.ts';
import { determinismLines } from '../report/determinism-lines.ts';
import { countOf, formatPcc, formatShare, formatSmall, formatValue, quoteText } from '../report/format.ts';
import { lensFragment, lensFragmentOf } from '../report/lens-link.ts';
import { brokenCount, ruleStatus } from '../report/terminal.ts';
import type { CollectedRun } from './collect-run.ts';
import { type Html, html } from './html.ts';
import { provenance } from './provenance.ts';
import { sparkline } from './sparkline.ts';
import {
  controlSentence,
  damageWords,
  distanceWords,
  isBroken,
  leadingRule,
  metricWords,
  rulesInOrder,
  verdictSentence,
} from './verdict-words.ts';

export const STATUS_WORDS: Readonly<Record<RunRecord['verdict']['status'], string>> = {
  pass: 'Pass',
  fail: 'Fail',
  invalid: 'Invalid',
  error: 'Error',
};
const STATUS_MARKS: Readonly<Record<RunRecord['verdict']['status'], string>> = {
  pass: '✓',
  fail: '✕',
  invalid: '⊘',
  error: '!',
};

/** Prompts that a table shows; run.json has all of them. */
const PROMPTS_SHOWN = 200;

/** @param overTime - the run among others, where its folder has that. */
export function verdictPage(
  run: RunRecord,
  highlights: TokenHighlights,
  collected: CollectedRun,
  overTime: Html | null = null,
): Html {
  const { status, headline, firstFailure, worst } = run.verdict;
  const control = controlSentence(run);
  const isTokenKnown = run.coverage.tokensJudged > 0;
  return html`<section id="verdict" class="verdict ${status}" aria-labelledby="verdict-title">
<p class="badge"><span aria-hidden="true">${STATUS_MARKS[status]}</span> ${STATUS_WORDS[status]}</p>
<h1 id="verdict-title">${verdictSentence(run, highlights.failed)}</h1>
${leadLine(run)}<p class="headline">${headline}</p>
${run.failure === null ? null : html`<pre class="cause">${run.failure.code}: ${run.failure.message}</pre>`}
<p class="jumps">${firstFailure === null ? null : jump('First failing token', run, firstFailure)}${
    worst === null || !isTokenKnown ? null : jump(firstFailure === null ? 'Lowest token' : 'Worst token', run, worst)
  }</p>
${run.summary.all.n === 0 ? null : numbers(run)}
<div id="overview-place"></div>
${allowanceLines(run).map((line) => html`<p class="allowed">${line}</p>\n`)}<p class="coverage">${coverageLine(run)}</p>
${rulesFileLines(run).map((line) => html`<p class="coverage">${line}</p>\n`)}${run.coverage.skipped.map(({ reason, count }) => html`<p class="coverage">${countOf(count, 'token')} skipped: ${reason}.</p>\n`)}
${control === null ? null : html`<p class="control">${control}</p>`}
${determinismLines(run.determinism).map((line) => html`<p class="coverage">${line}</p>\n`)}
${run.baseline === undefined ? null : baselineLines(run.baseline).map((line) => html`<p class="coverage">${line}</p>\n`)}
${overTime}${ruleTable(run)}
${run.cases.map((one) => one.variants.map((variant) => variantTable(one, variant, collected)))}
${worstTable(run, highlights)}
${provenance(run)}
</section>`;
}

/** The rule that explains most, and by how much it is broken. */
function leadLine(run: RunRecord): Html | null {
  const rule = leadingRule(run.gate.rules);
  if (rule === undefined || run.verdict.status === 'error') return null;
  if (rule.loosening?.isExpired === true && rule.failures === 0) {
    return html`<p class="lead">${describeLoosening(rule)}</p>\n`;
  }
  const words = rule.op === '>=' ? 'at least' : 'at most';
  return html`<p class="lead"><code>${rule.id}</code>: ${metricWords(rule.metric)} ${formatValue(rule.observed)}, ${words} ${formatValue(rule.threshold)} is asked: <b>${distanceWords(rule)}</b>.</p>
`;
}

function jump(label: string, run: RunRecord, key: TokenKey): Html {
  return html`<a class="jump" href="${lensFragment(key)}"><b>${label}</b> <span>${placeName(run, key)}, position ${key.position}</span></a> `;
}

function placeName(run: RunRecord, key: Pick<TokenKey, 'case' | 'variant' | 'prompt' | 'user'>): string {
  const parts = [promptLabel(key)];
  if (run.cases.some(({ variants }) => variants.length > 1)) parts.unshift(key.variant);
  if (run.cases.length > 1) parts.unshift(key.case);
  return parts.join(' › ');
}

function numbers(run: RunRecord): Html {
  const { all } = run.summary;
  const ruled = (metric: string): string => {
    const rule = run.gate.rules.find((one) => one.metric === metric);
    return rule === undefined ? '' : `${rule.op === '>=' ? 'at least' : 'at most'} ${formatValue(rule.threshold)}`;
  };
  const cells: readonly (readonly [string, string, string])[] = [
    ['PCC, lowest', formatPcc(all.pcc?.min ?? null), ruled('pcc')],
    ['PCC, median', formatPcc(all.pcc?.p50 ?? null), ruled('pccMedian')],
    ['KL, mean / nat', formatSmall(all.klNats?.mean ?? null), ruled('klMean')],
    ['KL, 99th percentile / nat', formatSmall(all.klNats?.p99 ?? null), ruled('klP99')],
    ['Same choice', formatShare(all.top1), ruled('top1')],
    ['Real flips', String(all.flips.real), all.n === 0 ? '' : `${formatShare(all.flips.real / all.n)} of tokens`],
  ];
  return html`<dl class="numbers">${cells.map(
    ([name, value, limit]) => html`<div><dt>${name}</dt><dd>${value}</dd><dd class="limit">${limit}</dd></div>`,
  )}</dl>`;
}

const RULE_MARKS: Readonly<Record<string, string>> = { pass: '✓', fail: '✕', invalid: '⊘' };

function ruleTable(run: RunRecord): Html {
  const rules = rulesInOrder(run.gate.rules);
  const broken = rules.filter(isBroken).length;
  const rows = rules.map((rule) => {
    const link = lensFragmentOf(rule.worstAt);
    const place = rule.worstAt === null ? '' : placeOf(run, rule);
    return html`<tr class="${isBroken(rule) || rule.loosening !== undefined ? 'broken' : 'kept'} ${rule.status}"><th scope="row"><code>${rule.id}</code><small>${metricWords(rule.metric)}</small></th><td class="fate"><span class="mark" aria-hidden="true">${RULE_MARKS[rule.status] ?? '–'}</span> ${ruleStatus(rule)}</td><td class="n">${formatValue(rule.observed)}</td><td class="n">${rule.op === '>=' ? '≥' : '≤'} ${formatValue(rule.threshold)}</td><td>${distanceWords(rule)}</td><td class="n">${brokenCount(rule)} of ${rule.judged}</td><td>${link === null ? place : html`<a href="${link}">${place}</a>`}</td><td class="why">${rule.reason}${damageWords(rule)}</td></tr>\n`;
  });
  return html`<h2 id="rules">Rules <small>${broken} broken, ${rules.length - broken} not</small></h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="rules"><table class="rules"><thead><tr><th scope="col">rule</th><th scope="col">verdict</th><th scope="col" class="n">observed</th><th scope="col" class="n">limit</th><th scope="col">by how much</th><th scope="col" class="n">broken by</th><th scope="col">worst at</th><th scope="col">why there is this rule</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function placeOf(run: RunRecord, { worstAt }: RuleResult): string {
  if (worstAt === null) return '';
  if (worstAt.prompt === null) {
    const isOne = run.cases.length === 1 && run.cases[0]!.variants.length === 1;
    return isOne
      ? 'the run'
      : [worstAt.case, worstAt.variant].filter((part, i, all) => all.indexOf(part) === i).join(' › ');
  }
  const name = placeName(run, { ...worstAt, prompt: worstAt.prompt, user: worstAt.user ?? 0 });
  return worstAt.position === null ? name : `${name}, ${worstAt.position}`;
}

function variantTable(one: CaseRecord, variant: VariantRecord, { sequences }: CollectedRun): Html {
  const shown = variant.prompts.slice(0, PROMPTS_SHOWN);
  const id = lensFragment({ case: one.name, variant: variant.name, prompt: '', user: 0 }).slice(2);
  const rows = shown.map((prompt) => {
    const key = { case: one.name, variant: variant.name, prompt: prompt.name, user: prompt.user };
    const columns = sequences.get(sequenceId(key));
    return promptRow(key, prompt, columns === undefined ? null : sparkline(columns.overview));
  });
  const more = variant.prompts.length - shown.length;
  const name = one.variants.length > 1 ? `${one.name} › ${variant.name}` : one.name;
  return html`<h2 id="${id}">${name} <small>${variant.source?.label ?? variant.name} against ${one.reference?.label ?? one.model}</small></h2>
${variant.notes.map((note) => html`<p class="note">Note: ${note}</p>\n`)}<div class="scroll" tabindex="0" role="region" aria-labelledby="${id}"><table><thead><tr><th scope="col">prompt</th><th scope="col">tokens say</th><th scope="col" class="n">judged</th><th scope="col" class="n">failing</th><th scope="col" class="n">PCC lowest</th><th scope="col" class="n">PCC median</th><th scope="col">PCC along it</th><th scope="col" class="n">KL mean / nat</th><th scope="col" class="n">same choice</th><th scope="col" class="n">real flips</th></tr></thead><tbody>${rows}</tbody></table></div>
${more > 0 ? html`<p class="note">and ${countOf(more, 'prompt')} more in run.json</p>` : null}`;
}

const OUTCOME_WORDS = {
  pass: '✓ pass',
  fail: '✕ fail',
  invalid: '⊘ invalid',
  notRun: '– not run',
  unstable: '⊘ unstable',
} as const;

function promptRow(key: SequenceKey, prompt: PromptRecord, line: Html | null): Html {
  const { summary } = prompt;
  const label = promptLabel(key);
  const cause = prompt.cause === null ? '' : `: ${prompt.cause.split('\n')[0]!}`;
  return html`<tr class="${prompt.outcome === 'pass' ? 'kept' : 'broken'}"><th scope="row">${
    prompt.tokensJudged === 0 ? label : html`<a href="${lensFragment(key)}">${label}</a>`
  }</th><td>${OUTCOME_WORDS[prompt.outcome]}${cause}</td><td class="n">${prompt.tokensJudged} of ${prompt.tokensPlanned}</td><td class="n">${prompt.tokensFailed}</td><td class="n">${formatPcc(summary?.pcc?.min ?? null)}</td><td class="n">${formatPcc(summary?.pcc?.p50 ?? null)}</td><td>${line}</td><td class="n">${formatSmall(summary?.klNats?.mean ?? null)}</td><td class="n">${formatShare(summary?.top1 ?? null)}</td><td class="n">${summary?.flips.real ?? 'none'}</td></tr>\n`;
}

function worstTable(run: RunRecord, { worst, judged }: TokenHighlights): Html | null {
  if (worst.length === 0) return null;
  const rows = worst.map(
    (record) =>
      html`<tr><th scope="row"><a href="${lensFragment(record)}">${placeName(run, record)}, ${record.position}</a></th><td><bdi>${quoteText(record.text)}</bdi></td><td>${record.status}</td><td class="n">${formatPcc(record.pcc)}</td><td class="n">${formatSmall(record.distribution?.klNats ?? null)}</td><td class="why">${record.reason}</td></tr>\n`,
  );
  return html`<h2 id="worst">Worst tokens <small>${worst.length} of ${judged}</small></h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="worst"><table><thead><tr><th scope="col">where</th><th scope="col">token</th><th scope="col">status</th><th scope="col" class="n">PCC</th><th scope="col" class="n">KL / nat</th><th scope="col">why</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}
