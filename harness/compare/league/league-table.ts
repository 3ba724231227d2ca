// The league as people read it: one table for terminals and Markdown, and what stands below it.
import type { ChalkInstance } from 'chalk';
import { formatBytes, formatPcc, formatShare, formatSmall } from '../../report/format.ts';
import { plainTable } from '../../report/plain-table.ts';
import type { CompareEntrant, CompareRecord } from './compare-record.ts';

const HEADER = [
  'entrant',
  'bits/weight',
  'file',
  'tok/s/user max',
  'PCC min',
  'PCC p1',
  'PCC median',
  'KL mean',
  'KL median',
  'KL p99',
  'top-1',
  'real flips',
  'regret',
  'PPL ratio',
  'Q',
  'D',
  'T',
  'verdict',
] as const;

/** One row an entrant, as texts. */
export function leagueCells(entrant: CompareEntrant): string[] {
  const { total, storage, deviceStorage, perplexityRatio, checkpoint, device } = entrant;
  return [
    entrant.label,
    storage === null ? '' : storage.bitsPerWeight.toFixed(2),
    storage === null ? '' : formatBytes(storage.fileBytes),
    deviceStorage === null
      ? ''
      : deviceStorage.tokensPerSecondMax.toFixed(deviceStorage.tokensPerSecondMax < 100 ? 1 : 0),
    formatPcc(total.pccMinimum),
    formatPcc(total.pccP1),
    formatPcc(total.pccMedian),
    formatSmall(total.klMean),
    formatSmall(total.klMedian),
    formatSmall(total.klP99),
    formatShare(total.top1),
    formatShare(total.realFlips),
    formatSmall(total.regretMean),
    perplexityRatio === null ? '' : ratioText(perplexityRatio),
    formatSmall(checkpoint?.klMean ?? null),
    formatSmall(device?.klMean ?? null),
    formatSmall(total.klMean),
    entrant.word,
  ];
}

function ratioText({ value, lower, upper }: NonNullable<CompareEntrant['perplexityRatio']>): string {
  return `${value.toFixed(3)} ± ${((upper - lower) / 2).toFixed(3)}`;
}

const LEGEND = [
  'KL in nat against the reference of the base; Q: damage of the checkpoint, D: of the device, T: what a user gets (means of KL).',
  'Words are of paired tokens: better, worse, equivalent within the margins, or undecided; nothing is ranked by an extreme.',
] as const;

/** For a terminal: the table, the words with their reasons, and how they came about. */
export function leagueText(record: CompareRecord, chalk: ChalkInstance): string {
  const table = plainTable(HEADER, record.league.map(leagueCells), 1, chalk);
  const words = record.league
    .filter(({ word }) => word !== 'base')
    .map((entrant) => `${entrant.label}: ${verdictLine(entrant)}`);
  return `${[table, '', ...words, '', ...footnotes(record)].join('\n')}\n`;
}

/** The verdict with what interacts. */
export function verdictLine({ text, interaction }: CompareEntrant): string {
  if (interaction === null || interaction.amplified + interaction.cancelled === 0) return text;
  const { amplified, cancelled } = interaction;
  return `${text}; T is far from Q + D on ${amplified + cancelled} tokens (${amplified} amplified, ${cancelled} cancelled)`;
}

/** How the league came about, a line each. */
export function footnotes({
  tokens,
  prompts,
  margins,
  resampling,
  leftOut,
  speedFormula,
  notes,
}: CompareRecord): string[] {
  return [
    ...LEGEND,
    `${tokens} tokens of ${prompts} prompts, paired; margins ${margins.klNats} nat and ${100 * margins.top1} points of top-1; ` +
      `${resampling.resamples} resamples, seed ${resampling.seed}.`,
    `${speedFormula}.`,
    ...(leftOut.length === 0 ? [] : [`left out, since not every entrant has them whole: ${leftOut.join(', ')}`]),
    ...notes,
  ];
}

/** A Markdown page. */
export function leagueMarkdown(record: CompareRecord): string {
  const row = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`;
  const table = [
    row(HEADER),
    row(HEADER.map((_, i) => (i === 0 ? ':--' : '--:'))),
    ...record.league.map((entrant) => row(leagueCells(entrant))),
  ];
  const words = record.league
    .filter(({ word }) => word !== 'base')
    .map((entrant) => `- **${escapeCell(entrant.label)}**: ${escapeCell(verdictLine(entrant))}`);
  const head = [`# Comparison with ${escapeCell(record.base)}`, '', `\`${record.command.replaceAll('`', "'")}\``];
  return `${[...head, '', ...table, '', ...words, '', ...footnotes(record).map((line) => `- ${escapeCell(line)}`)].join('\n')}\n`;
}

/** Labels come from names of files. */
function escapeCell(text: string): string {
  return text.replaceAll(/[\\|`*_<>[\]]/g, (sign) => `\\${sign}`);
}
