// A comparison of two runs in the terminal: what differs, prompts, phases, the most important tokens of each change, rules, verdict.
import type { ChalkInstance } from 'chalk';
import { printable } from '../../../src/text/printable.ts';
import { PHASES } from '../../record/token-record.ts';
import { countOf, formatPcc, formatShare, formatSmall, formatValue } from '../../report/format.ts';
import { plainTable } from '../../report/plain-table.ts';
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
import { type GroupDiff, type RuleDiff, type RunDiff, SHOWN_CHANGES, type ShownChange } from './run-diff.ts';

/** More are in diff.json. */
const PROMPTS_SHOWN = 100;

export interface DiffTerminalOptions {
  readonly chalk: ChalkInstance;
  /** Lines of paired statistics, which are made elsewhere; they stand behind the tables. */
  readonly statistics?: readonly string[];
}

/** @returns lines, ending with a line break; the last one is for machines: `… tokens and … rules: N newly failing, …`. */
export function diffTerminal(diff: RunDiff, { chalk, statistics = [] }: DiffTerminalOptions): string {
  const lines = [
    ...runLines(diff, chalk),
    ...diffNotes(diff).map((note) => chalk.yellow(`note: ${note}`)),
    '',
    ...promptLines(diff, chalk),
    ...phaseLines(diff, chalk),
    chalk.dim(marginWords(diff)),
    '',
    ...(statistics.length === 0 ? [] : [...statistics, '']),
    ...SHOWN_CHANGES.flatMap((change) => tokenLines(diff, change, chalk)),
    ...ruleLines(diff, chalk),
    verdictLine(diff, chalk),
    countLine(diff),
  ];
  return `${lines.join('\n')}\n`;
}

function runLines(diff: RunDiff, chalk: ChalkInstance): string[] {
  return (['a', 'b'] as const).map((side) => {
    const { folder, status, headline, tokensJudged } = diff[side];
    return `${chalk.bold(side.toUpperCase())}  ${printable(folder)} · ${countOf(tokensJudged, 'token')} · ${status}: ${printable(headline)}`;
  });
}

const GROUP_HEADER = [
  'tokens',
  'newly fail',
  'newly heal',
  'still fail',
  'drifted',
  'near',
  'same',
  'PCC lowest',
  'KL mean/nat',
  'top-1',
];

function groupCells({ tokens, changes, pccLowest, klMean, top1 }: GroupDiff, chalk: ChalkInstance): string[] {
  const coloured = (count: number, colour: ChalkInstance): string => (count === 0 ? '0' : colour(String(count)));
  return [
    String(tokens),
    coloured(changes.newlyFails, chalk.red),
    coloured(changes.newlyHeals, chalk.green),
    String(changes.stillFails),
    coloured(changes.drifted, chalk.yellow),
    String(changes.near),
    String(changes.same),
    arrowOf(pccLowest, formatPcc),
    arrowOf(klMean, formatSmall),
    arrowOf(top1, formatShare),
  ];
}

function promptLines(diff: RunDiff, chalk: ChalkInstance): string[] {
  const rows = diff.prompts
    .slice(0, PROMPTS_SHOWN)
    .map((one) => [promptPlace(diff, one), ...groupCells(one.all, chalk)]);
  const more = diff.prompts.length - rows.length;
  return [
    plainTable(['prompt', ...GROUP_HEADER], rows, 1, chalk),
    ...(more > 0 ? [`and ${countOf(more, 'prompt')} more in diff.json`] : []),
    '',
  ];
}

function phaseLines({ total }: RunDiff, chalk: ChalkInstance): string[] {
  const rows = PHASES.flatMap((phase) => {
    const group = total.byPhase[phase];
    return group === undefined ? [] : [[phase, ...groupCells(group, chalk)]];
  });
  return [plainTable(['phase', ...GROUP_HEADER], [...rows, ['all', ...groupCells(total.all, chalk)]], 1, chalk), ''];
}

function tokenLines(diff: RunDiff, change: ShownChange, chalk: ChalkInstance): string[] {
  const tokens = diff.tokens[change];
  if (tokens.length === 0) return [];
  const all = diff.total.all.changes[change];
  const mark = { newlyFails: chalk.red('×'), newlyHeals: chalk.green('✓'), stillFails: '×', drifted: chalk.dim('·') };
  return [
    chalk.bold(
      `${CHANGE_WORDS[change]}: ${countOf(all, 'token')}${all > tokens.length ? `, of which ${tokens.length} are shown` : ''}`,
    ),
    ...tokens.flatMap((token) => [
      `${mark[change]} ${tokenPlace(diff, token)}`,
      `    ${tokenNumbers(token, change)}`,
      `    ${chalk.dim(tokenCommand(token, change))}`,
    ]),
    '',
  ];
}

const RULE_WORDS: Readonly<Record<RuleDiff['change'], string>> = {
  newlyBroken: 'newly broken',
  newlyKept: 'newly kept',
  stillBroken: 'still broken',
  other: 'judges in one run',
  none: '',
};

/** Rules whose value moved or that are broken; the others are counted. */
function ruleLines({ rules }: RunDiff, chalk: ChalkInstance): string[] {
  const moved = rules.filter(
    ({ change, observed, limit }) => change !== 'none' || observed.a !== observed.b || limit.a !== limit.b,
  );
  const colours = {
    newlyBroken: chalk.red,
    newlyKept: chalk.green,
    stillBroken: chalk.red,
    other: chalk.yellow,
    none: chalk.dim,
  };
  const rows = moved.map((rule) => [
    printable(rule.id),
    rule.scope,
    arrowOf(rule.observed, formatValue),
    arrowOf(rule.limit, (limit) => limit ?? 'none'),
    arrowOf(rule.failures, String),
    ruleVerdicts(rule),
    colours[rule.change](RULE_WORDS[rule.change]),
  ]);
  const rest = rules.length - moved.length;
  return [
    ...(rows.length === 0
      ? []
      : [plainTable(['rule', 'scope', 'observed', 'limit', 'broken', 'verdict', 'change'], rows, 2, chalk)]),
    ...(rest === 0 ? [] : [`${countOf(rest, 'rule')}${rows.length === 0 ? '' : ' more'}: no change`]),
    '',
  ];
}

function verdictLine(diff: RunDiff, chalk: ChalkInstance): string {
  const word = diff.exitCode === 0 ? chalk.green.bold('NOTHING NEWLY FAILS') : chalk.red.bold('NEWLY FAILING');
  return `${word}  ${diffHeadline(diff)}`;
}

function countLine({ total, rules }: RunDiff): string {
  const { tokens, changes } = total.all;
  const broken = rules.filter(({ change }) => change === 'newlyBroken').length;
  const kept = rules.filter(({ change }) => change === 'newlyKept').length;
  return `${countOf(tokens, 'token')} and ${countOf(rules.length, 'rule')}: ${changes.newlyFails + broken} newly failing, ${changes.newlyHeals + kept} newly healed`;
}
