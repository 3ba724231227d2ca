// A history for the terminal: a table a series, what moved and where it broke, the accepted states.
import type { ChalkInstance } from 'chalk';
import { countOf, formatPcc, formatShare, formatSmall } from '../report/format.ts';
import { plainTable } from '../report/plain-table.ts';
import type { AcceptedState, HistoryPoint, HistoryRecord, HistorySeries, HistoryStep } from './history-record.ts';

const HEADER = ['run', 'qwen-pcc', 'verdict', 'tokens', 'KL mean/nat', 'KL 99 %', 'PCC median', 'PCC lowest', 'top-1'];
const POINTS_SHOWN = 50;
const SHA_DIGITS = 9;

export function historyText({ series, baseline, leftOut }: HistoryRecord, chalk: ChalkInstance): string {
  const lines = [
    ...series.flatMap((one) => seriesLines(one, isAmbiguous(one, series), chalk)),
    ...(baseline === null ? [] : stateLines(baseline, chalk)),
    ...leftOut.map(({ folder, reason }) => chalk.yellow(`left out: ${folder}: ${reason}`)),
    ...(series.length === 0 ? ['no finished run'] : []),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

/** Whether other series of the case ask something else. */
export function isAmbiguous({ case: name, question }: HistorySeries, all: readonly HistorySeries[]): boolean {
  return all.some((other) => other.case === name && other.question !== question);
}

export function seriesTitle(one: HistorySeries, isNamed: boolean): string {
  const variant = one.variant === one.case ? '' : `, ${one.variant}`;
  const other = isNamed ? `, plan ${one.question} (not comparable with the others of this case)` : '';
  return `${one.case}${variant}: ${countOf(one.points.length, 'run')} of ${countOf(one.prompts, 'prompt')}${other}`;
}

function seriesLines(one: HistorySeries, isNamed: boolean, chalk: ChalkInstance): string[] {
  const shown = one.points.slice(-POINTS_SHOWN);
  const earlier = one.points.length - shown.length;
  return [
    chalk.bold(seriesTitle(one, isNamed)),
    ...(earlier > 0 ? [`${countOf(earlier, 'earlier run')} in --json`] : []),
    plainTable(
      HEADER,
      shown.map((point) => pointRow(point, chalk)),
      3,
      chalk,
    ),
    ...sentencesOf(one).map((line) => `  ${line}`),
    '',
  ];
}

function pointRow(point: HistoryPoint, chalk: ChalkInstance): string[] {
  const colour = point.status === 'pass' ? chalk.green : chalk.red;
  return [
    point.runId,
    toolWords(point),
    colour(point.status),
    String(point.tokens),
    formatSmall(point.klMean),
    formatSmall(point.klP99),
    formatPcc(point.pccMedian),
    formatPcc(point.pccMin),
    formatShare(point.top1),
  ];
}

export function toolWords({ version, gitSha }: Pick<HistoryPoint, 'version' | 'gitSha'>): string {
  return gitSha === null ? version : `${version} ${gitSha.slice(0, SHA_DIGITS)}`;
}

/** Since when, by how much, and which run first broke. */
export function sentencesOf({ points, steps, broken }: HistorySeries): string[] {
  const at = (runId: string): HistoryPoint => points.find((point) => point.runId === runId)!;
  const moved = steps.map((step) => `from ${step.from} to ${step.to}: ${stepWords(step)}`);
  if (broken === null) return moved;
  const first = at(broken.firstBroken);
  const rules = first.failingRules.length === 0 ? '' : `: ${first.failingRules.join(', ')}`;
  const since = `broken since ${first.runId} (qwen-pcc ${toolWords(first)})${rules}`;
  if (broken.lastGood === null) return [...moved, `${since}; no run before it passed`];
  const good = at(broken.lastGood);
  const step = broken.step === null ? '' : `; ${stepWords(broken.step)}`;
  return [...moved, `${since}; last good ${good.runId} (qwen-pcc ${toolWords(good)})${step}`];
}

function stepWords({ klMean, top1, word }: HistoryStep): string {
  const sign = (value: number): string => (value < 0 ? '' : '+');
  const plain = `mean KL ${sign(klMean)}${klMean.toFixed(4)} nat, top-1 ${sign(top1)}${(100 * top1).toFixed(2)} points`;
  return word === null ? plain : `${plain}; paired: ${word}`;
}

function stateLines(
  { file, withoutGit, states }: NonNullable<HistoryRecord['baseline']>,
  chalk: ChalkInstance,
): string[] {
  const source = withoutGit === null ? '' : ` (${withoutGit}; only what the file itself keeps)`;
  return [
    chalk.bold(`accepted states of ${file}${source}`),
    plainTable(
      ['accepted', 'run', 'qwen-pcc', 'commit', 'reason', 'case', 'KL mean/nat', 'PCC median', 'top-1'],
      states.flatMap((state) => stateRows(state)),
      6,
      chalk,
    ),
    '',
  ];
}

function stateRows(state: AcceptedState): string[][] {
  const commit =
    state.commit === null ? 'none' : `${state.commit.sha.slice(0, SHA_DIGITS)} ${state.commit.date.slice(0, 10)}`;
  return state.marks.map((mark, i) => [
    ...(i > 0
      ? ['', '', '', '', '']
      : [state.acceptedAt.slice(0, 10), state.runId, state.version, commit, state.reason]),
    mark.variant === mark.case ? mark.case : `${mark.case}, ${mark.variant}`,
    formatSmall(mark.klMean),
    formatPcc(mark.pccMedian),
    formatShare(mark.top1),
  ]);
}
