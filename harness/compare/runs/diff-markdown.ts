// A comparison of two runs as Markdown, for a CI's step summary or a pull request.
import { printable } from '../../../src/text/printable.ts';
import { PHASES } from '../../record/token-record.ts';
import { countOf, formatPcc, formatShare, formatSmall, formatValue } from '../../report/format.ts';
import { codeSpan, cutLines, escapeCell, SUMMARY_BYTES_MAX, sentence } from '../../report/markdown.ts';
import {
  arrowOf,
  CHANGE_WORDS,
  diffHeadline,
  diffNotes,
  marginWords,
  promptPlace,
  ruleVerdicts,
  tokenCommand,
  tokenNumbers,
  tokenPlace,
} from './diff-words.ts';
import { type GroupDiff, type RunDiff, SHOWN_CHANGES, type ShownChange } from './run-diff.ts';

export const DIFF_MARKDOWN_FILE = 'diff.md';

export interface DiffMarkdownOptions {
  /** Lines of Markdown with paired statistics, which are made elsewhere; they stand behind the tables. */
  readonly statistics?: readonly string[];
}

/** @returns at most SUMMARY_BYTES_MAX bytes of UTF-8; what was cut is said in the last line. */
export function diffMarkdown(diff: RunDiff, { statistics = [] }: DiffMarkdownOptions = {}): string {
  const lines = [
    `# qwen-pcc: ${diff.exitCode === 0 ? 'nothing newly fails' : 'newly failing'}`,
    '',
    said(diffHeadline(diff)),
    '',
    ...runLines(diff),
    ...diffNotes(diff).map((note) => `- Note: ${said(note)}`),
    '',
    '## Tokens',
    '',
    ...groupTable('prompt', [
      ...diff.prompts.map((one): [string, GroupDiff] => [promptPlace(diff, one), one.all]),
      ...phaseRows(diff),
    ]),
    '',
    said(`${marginWords(diff).replace('drifted', 'Drifted')}`),
    '',
    ...(statistics.length === 0 ? [] : [...statistics, '']),
    ...SHOWN_CHANGES.flatMap((change) => tokenBlock(diff, change)),
    ...ruleBlock(diff),
  ];
  return cutLines(lines, SUMMARY_BYTES_MAX);
}

function said(text: string): string {
  return sentence(escapeCell(text));
}

function runLines(diff: RunDiff): string[] {
  return (['a', 'b'] as const).map((side) => {
    const { folder, status, headline, tokensJudged, command } = diff[side];
    return `- Run ${side.toUpperCase()}: ${codeSpan(printable(folder))}, ${countOf(tokensJudged, 'token')}, ${status}: ${said(printable(headline))} Repeat with ${codeSpan(printable(command))}.`;
  });
}

function phaseRows({ total }: RunDiff): [string, GroupDiff][] {
  const rows = PHASES.flatMap((phase): [string, GroupDiff][] => {
    const group = total.byPhase[phase];
    return group === undefined ? [] : [[`all prompts, ${phase}`, group]];
  });
  return [...rows, ['all prompts', total.all]];
}

function groupTable(what: string, rows: readonly (readonly [string, GroupDiff])[]): string[] {
  return [
    `| ${what} | tokens | newly fail | newly heal | still fail | drifted | near | same | PCC lowest | KL mean (nat) | top-1 |`,
    '|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
    ...rows.map(([name, { tokens, changes, pccLowest, klMean, top1 }]) => {
      const { newlyFails, newlyHeals, stillFails, drifted, near, same } = changes;
      const counts = [tokens, newlyFails, newlyHeals, stillFails, drifted, near, same].join(' | ');
      return `| ${escapeCell(name)} | ${counts} | ${arrowOf(pccLowest, formatPcc)} | ${arrowOf(klMean, formatSmall)} | ${arrowOf(top1, formatShare)} |`;
    }),
  ];
}

function tokenBlock(diff: RunDiff, change: ShownChange): string[] {
  const tokens = diff.tokens[change];
  if (tokens.length === 0) return [];
  const all = diff.total.all.changes[change];
  const title = CHANGE_WORDS[change];
  return [
    `## ${title[0]!.toUpperCase()}${title.slice(1)}: ${all > tokens.length ? `${tokens.length} of ` : ''}${countOf(all, 'token')}`,
    '',
    '| token | run A → run B | look at it |',
    '|---|---|---|',
    ...tokens.map(
      (token) =>
        `| ${escapeCell(tokenPlace(diff, token))} | ${escapeCell(tokenNumbers(token, change))} | ${codeSpan(tokenCommand(token, change).replaceAll('|', '\\|'))} |`,
    ),
    '',
  ];
}

function ruleBlock({ rules }: RunDiff): string[] {
  return [
    '## Rules',
    '',
    '| rule | scope | observed | limit | broken | verdict |',
    '|---|---|--:|--:|--:|---|',
    ...rules.map((rule) => {
      const limit = arrowOf(rule.limit, (one) => one ?? 'none');
      const cells = [arrowOf(rule.observed, formatValue), escapeCell(limit), arrowOf(rule.failures, String)];
      const verdict = ruleVerdicts(rule);
      return `| ${escapeCell(printable(rule.id))} | ${rule.scope} | ${cells.join(' | ')} | ${rule.change.startsWith('newly') ? `**${verdict}**` : verdict} |`;
    }),
    '',
  ];
}
