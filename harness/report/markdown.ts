// The run as Markdown for a CI's step summary; GitHub refuses more than 1 MiB, so it is cut well before.
import type { TokenHighlights } from '../gate/token-highlights.ts';
import type { CaseRecord, RunRecord, VariantRecord } from '../record/run-record.ts';
import { promptLabel } from '../record/token-record.ts';
import { allowanceLines, rulesFileLines } from './allowance-lines.ts';
import { baselineLines } from './baseline-lines.ts';
import { controlLines } from './control-lines.ts';
import { coverageLine } from './coverage-line.ts';
import { determinismLines } from './determinism-lines.ts';
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
import { inspectCommandOf } from './inspect-hint.ts';
import { LADDER_HEADER, ladderRows, ladderWords } from './ladder-lines.ts';
import { LENS_FILE, lensFragment } from './lens-link.ts';
import { ruleStatus } from './terminal.ts';
import { describeToken } from './worst-tokens.ts';

export const SUMMARY_BYTES_MAX: number = 900 * 1024;

/**
 * @returns at most SUMMARY_BYTES_MAX bytes of UTF-8; what was cut is said in the last line.
 */
export function summaryMarkdown(run: RunRecord, highlights: TokenHighlights): string {
  const time = run.durationMs === null ? '' : `, ${formatDuration(run.durationMs)}`;
  const allowed = allowanceLines(run);
  const blocks = [
    `# qwen-pcc: ${run.verdict.status}`,
    '',
    `${sentence(escapeCell(run.verdict.headline))} Run \`${run.runId}\`${time}.`,
    '',
    sentence(escapeCell(coverageLine(run))),
    ...controlLines(run).map((line) => sentence(escapeCell(line))),
    ...rulesFileLines(run).map((line) => sentence(escapeCell(line))),
    ...determinismLines(run.determinism).map((line) => sentence(escapeCell(line))),
    ...(run.baseline === undefined ? [] : ['', ...baselineLines(run.baseline).map(baselineItem)]),
    ...run.coverage.skipped.map(
      ({ reason, count }) => `${countOf(count, 'token')} skipped: ${sentence(escapeCell(reason))}`,
    ),
    '',
    ...allowed.map((line) => `- 🔴 **${sentence(escapeCell(line))}**`),
    ...(allowed.length === 0 ? [] : ['']),
    ...run.cases.flatMap((one) => one.variants.flatMap((variant) => variantBlock(one, variant))),
    ...ruleBlock(run),
    ...worstBlock(run, highlights),
    `PCC semantics \`${run.config.pccSemantics}\`, minimum ${run.config.pccMinimum}; ${run.config.mode === 'teacherForced' ? 'teacher forcing' : 'free running'}. Repeat with ${codeSpan(run.command)}.`,
    '',
  ];
  return cutLines(blocks, SUMMARY_BYTES_MAX);
}

/** The first line heads a list of the others. */
function baselineItem(line: string, index: number): string {
  return index === 0 ? `${escapeCell(line)}\n` : `- ${escapeCell(line.trim())}`;
}

export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** A code span holds any text, if its fence is longer than the backticks in it. */
export function codeSpan(text: string): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `${fence}${text}${fence}` : `${fence} ${text} ${fence}`;
}

function variantBlock(one: CaseRecord, variant: VariantRecord): string[] {
  const rows = variant.prompts.map((prompt) => {
    const { summary } = prompt;
    const label = promptLabel({ prompt: prompt.name, user: prompt.user });
    const cause = prompt.cause === null ? '' : `: ${prompt.cause.split('\n')[0]}`;
    const expected = prompt.tokensExpected === undefined ? '' : ` (${prompt.tokensExpected} expected)`;
    return `| ${escapeCell(label)} | ${prompt.tokensJudged} of ${prompt.tokensPlanned} | ${formatPcc(summary?.pcc?.min ?? null)} | ${formatPcc(summary?.pcc?.p50 ?? null)} | ${formatSmall(summary?.klNats?.mean ?? null)} | ${formatShare(summary?.top1 ?? null)} | ${summary?.flips.real ?? 'none'} | ${escapeCell(`${prompt.outcome}${expected}${cause}`)} |`;
  });
  return [
    `## ${escapeCell(one.variants.length > 1 ? `${one.name}, ${variant.name}` : one.name)}`,
    '',
    `${escapeCell(variant.source?.label ?? variant.name)} against ${escapeCell(one.reference?.label ?? one.model)}, ${codeSpan(variant.source?.model ?? one.model)}.`,
    ...variant.notes.map((note) => `Note: ${sentence(escapeCell(note))}`),
    '',
    '| prompt | tokens judged | PCC lowest | PCC median | KL mean (nat) | top-1 | real flips | tokens say |',
    '|---|--:|--:|--:|--:|--:|--:|---|',
    ...rows,
    '',
    ...ladderBlock(variant),
  ];
}

function ladderBlock({ ladder }: VariantRecord): string[] {
  if (ladder === undefined) return [];
  return [
    `| ${LADDER_HEADER.join(' | ')} |`,
    '|---|--:|--:|--:|--:|--:|',
    ...ladderRows(ladder).map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`),
    '',
    ...ladderWords(ladder).map((line) => sentence(escapeCell(line))),
    '',
  ];
}

function ruleBlock(run: RunRecord): string[] {
  const rows = run.gate.rules.map((rule) => {
    return `| ${escapeCell(rule.id)} | ${rule.scope} | ${rule.metric} | ${formatValue(rule.observed)} | ${rule.op} ${formatValue(rule.threshold)} | ${ruleHeadroom(rule)} | ${ruleStatus(rule)} |`;
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

function worstBlock(run: RunRecord, { worst, judged }: TokenHighlights): string[] {
  const hasCases = run.cases.length > 1 || run.cases.some(({ variants }) => variants.length > 1);
  const rows = worst.map((record) => {
    const where = hasCases ? `${record.case}, ${record.variant}, ${promptLabel(record)}` : promptLabel(record);
    // A link that works beside the report; a CI that shows the summary elsewhere has the fragment to add.
    const position = `[${record.position}](${LENS_FILE}${lensFragment(record)})`;
    return `| ${escapeCell(where)} | ${position} | ${escapeCell(quoteText(record.text))} | ${record.status} | ${escapeCell(describeToken(record))} |`;
  });
  const first = run.verdict.firstFailure;
  return [
    `## Worst ${countOf(worst.length, 'token')} of ${judged}`,
    '',
    '| prompt | position | token | status | why |',
    '|---|--:|---|---|---|',
    ...rows,
    '',
    ...(first === null
      ? []
      : [
          `Look at the first failing token with ${codeSpan(inspectCommandOf(run, first, `reports/${run.runId}`))}, or [in the report](${LENS_FILE}${lensFragment(first)}).`,
          '',
        ]),
  ];
}

/** Text for a table cell or a sentence: no markup, no line end. */
export function escapeCell(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]<>|#]/g, '\\$&').replaceAll(/\s+/g, ' ');
}

/** As many lines as fit, and a last one that says what was cut. */
export function cutLines(lines: readonly string[], bytesMax: number): string {
  const note = 'The rest was cut; the run folder has all of it.';
  const room = bytesMax - Buffer.byteLength(note) - 1;
  let bytes = 0;
  for (const [i, line] of lines.entries()) {
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > room) return [...lines.slice(0, i), note].join('\n');
  }
  return lines.join('\n');
}
