// The run as Markdown for a CI's step summary; GitHub refuses more than 1 MiB, so it is cut well before.
import type { RunRecord, VariantRecord } from '../record/run-record.ts';
import type { TokenRecord } from '../record/token-record.ts';
import {
  countOf,
  formatDuration,
  formatPcc,
  formatShare,
  formatSmall,
  formatValue,
  quoteText,
  ruleHeadroom,
} from './format.ts';
import { describeToken, worstTokens } from './worst-tokens.ts';

export const SUMMARY_BYTES_MAX: number = 900 * 1024;
const WORST_SHOWN = 20;

/**
 * @returns at most SUMMARY_BYTES_MAX bytes of UTF-8; what was cut is said in the last line.
 */
export function summaryMarkdown(run: RunRecord, records: readonly TokenRecord[]): string {
  const blocks = [
    `# qwen-pcc: ${run.verdict.status}`,
    '',
    `${escapeCell(run.verdict.headline)} Run \`${run.runId}\`, ${formatDuration(run.durationMs)}.`,
    '',
    ...run.variants.flatMap(variantBlock),
    ...ruleBlock(run),
    ...worstBlock(records),
    `PCC semantics \`${run.config.pccSemantics}\`, minimum ${run.config.pccMinimum}; ${run.config.mode === 'teacherForced' ? 'teacher forcing' : 'free running'}. Repeat with \`${run.command}\`.`,
    '',
  ];
  return cutLines(blocks, SUMMARY_BYTES_MAX);
}

function variantBlock(variant: VariantRecord): string[] {
  const rows = variant.prompts.map((prompt) => {
    const summary = variant.summary.byPrompt[prompt.name];
    return `| ${escapeCell(prompt.name)} | ${prompt.tokensJudged} of ${prompt.tokensPlanned} | ${formatPcc(summary?.pcc?.min ?? null)} | ${formatPcc(summary?.pcc?.p50 ?? null)} | ${formatSmall(summary?.klNats?.mean ?? null)} | ${formatShare(summary?.top1 ?? null)} | ${summary?.flips.real ?? 'none'} |`;
  });
  return [
    `## ${escapeCell(variant.name)}`,
    '',
    `${escapeCell(variant.device.label)} against ${escapeCell(variant.reference.label)}, \`${escapeCell(variant.device.model)}\`.`,
    '',
    '| prompt | tokens judged | PCC lowest | PCC median | KL mean (nat) | top-1 | real flips |',
    '|---|--:|--:|--:|--:|--:|--:|',
    ...rows,
    '',
  ];
}

function ruleBlock(run: RunRecord): string[] {
  const rows = run.gate.rules.map((rule) => {
    return `| ${escapeCell(rule.id)} | ${rule.scope} | ${rule.metric} | ${formatValue(rule.observed)} | ${rule.op} ${formatValue(rule.threshold)} | ${ruleHeadroom(rule)} | ${rule.status} |`;
  });
  return [
    '## Rules',
    '',
    '| rule | scope | metric | observed | limit | headroom | status |',
    '|---|---|---|--:|--:|--:|---|',
    ...rows,
    '',
  ];
}

function worstBlock(records: readonly TokenRecord[]): string[] {
  const worst = worstTokens(records, WORST_SHOWN);
  const rows = worst.map((record) => {
    return `| ${escapeCell(record.prompt)} | ${record.position} | ${escapeCell(quoteText(record.text))} | ${record.status} | ${escapeCell(describeToken(record))} |`;
  });
  return [
    `## Worst ${countOf(worst.length, 'token')} of ${records.length}`,
    '',
    '| prompt | position | token | status | why |',
    '|---|--:|---|---|---|',
    ...rows,
    '',
  ];
}

/** Text for a table cell or a sentence: no markup, no line end. */
export function escapeCell(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]<>|#]/g, '\\$&').replaceAll(/\s+/g, ' ');
}

function cutLines(lines: readonly string[], bytesMax: number): string {
  const note = 'The rest was cut; the run folder has all of it.';
  const room = bytesMax - Buffer.byteLength(note) - 1;
  let bytes = 0;
  for (const [i, line] of lines.entries()) {
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > room) return [...lines.slice(0, i), note].join('\n');
  }
  return lines.join('\n');
}
