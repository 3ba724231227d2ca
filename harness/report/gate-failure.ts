// Why a gate is red, as a test's failure text: broken rules, the worst token with its numbers, and the next command.
import { describeLoosening } from '../gate/allowance-words.ts';
import { isPassing, type TokenHighlights } from '../gate/token-highlights.ts';
import type { RunRecord } from '../record/run-record.ts';
import { promptLabel, type TokenRecord } from '../record/token-record.ts';
import type { RulePlace, RuleResult } from '../record/verdict.ts';
import { countOf, formatPcc, formatPosition, formatSmall, formatValue, quoteText } from './format.ts';
import { inspectCommandOf } from './inspect-hint.ts';

/** @param folder - path of the run folder as the reader can type it. */
export function gateFailureText(run: RunRecord, highlights: TokenHighlights, folder: string): string {
  const worst = highlights.worst[0];
  const variant = run.cases[0]?.variants[0];
  const device = variant?.source?.label ?? variant?.name ?? 'no device';
  const title = [
    worst?.case ?? run.cases[0]?.name ?? 'no case',
    worst === undefined ? undefined : promptLabel(worst),
    device,
    'logits',
  ];
  const broken = run.gate.rules.filter(
    ({ status }) => status === 'fail' || status === 'invalid' || status === 'unstable',
  );
  return [
    title.filter((part) => part !== undefined).join(' › '),
    `  ${run.verdict.status.toUpperCase()}  ${run.verdict.headline}`,
    ...broken.map((rule) => `        ${describeRule(rule)}`),
    ...(worst === undefined ? ['        no token was judged'] : describeWorst(worst).map((line) => `        ${line}`)),
    `        ${countOf(highlights.failed, 'token')} of ${highlights.judged} failed`,
    `  next: ${worst === undefined ? `qwen-pcc inspect ${folder}` : inspectCommandOf(run, worst, folder)}`,
  ].join('\n');
}

function describeRule(rule: RuleResult): string {
  if (rule.loosening?.isExpired === true && rule.failures === 0) return describeLoosening(rule) ?? rule.id;
  const { id, metric, observed, op, threshold, failures, judged, worstAt } = rule;
  if (rule.status === 'unstable')
    return `${id}: ${countOf(rule.unstable ?? 0, 'token')} within the device's own spread of ${op} ${formatValue(threshold)}`;
  return `${id}: ${metric} ${formatValue(observed)}, wanted ${op} ${formatValue(threshold)}${describePlace(worstAt)}; ${failures} of ${judged}`;
}

/** A rule over a whole run is broken at no prompt. */
function describePlace(place: RulePlace | null): string {
  if (place === null || place.prompt === null) return '';
  const label = promptLabel({ prompt: place.prompt, user: place.user ?? 0 });
  return ` at ${label}${place.position === null ? '' : `, position ${place.position}`}`;
}

function describeWorst(record: TokenRecord): string[] {
  const { choice, distribution, moments } = record;
  const lines = [
    `${isPassing(record) ? 'lowest' : 'worst'} at ${formatPosition(record.position, record.step)}, token ${record.inputToken.golden} ${quoteText(record.text)}: PCC ${formatPcc(record.pcc)}`,
  ];
  if (record.reason !== null) lines.push(record.reason);
  if (moments !== null) {
    const entry = choice?.top.find(({ id }) => id === moments.maxAbsIndex);
    const both =
      entry === undefined ? '' : `: golden ${entry.logit.golden.toFixed(4)}, actual ${entry.logit.actual.toFixed(4)}`;
    lines.push(`max |difference| ${formatSmall(moments.maxAbs)} at vocabulary entry ${moments.maxAbsIndex}${both}`);
  }
  if (choice !== null) {
    const top1 = choice.flip === 'none' ? 'top-1 agrees' : 'top-1 differs';
    lines.push(`${top1}; ${5 - choice.overlap5} of top-5 differ; KL ${formatSmall(distribution?.klNats ?? null)} nat`);
  }
  return lines;
}
