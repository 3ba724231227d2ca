// One token of a run in the terminal: context, metrics, both top-10 lists, worst vocabulary entries and taps.
import type { ChalkInstance } from 'chalk';
import { isPassing } from '../gate/token-highlights.ts';
import type { InspectedToken, TapComparison } from '../record/inspected-token.ts';
import type { Pair, TopToken } from '../record/row-metrics.ts';
import { promptLabel, type TokenRecord } from '../record/token-record.ts';
import { formatPcc, formatPosition, formatShare, formatSmall, formatValue, quoteText } from './format.ts';
import { plainTable } from './plain-table.ts';
import { TAP_PCC_MINIMUM } from './tap-limit.ts';

const WORST_ENTRIES_SHOWN = 8;
const CONTEXT_CHARACTERS = 240;

export interface TokenDetail {
  readonly record: TokenRecord;
  /** Text of the context before the token. */
  readonly contextText: string;
  readonly textOf: (tokenId: number) => string;
  /** Both rows and taps, if the token was run again. */
  readonly again: InspectedToken | undefined;
  /** The command that shows just this token again. */
  readonly command: string;
  readonly chalk: ChalkInstance;
}

/** @returns the whole text, ending with a line break. */
export function tokenDetail(detail: TokenDetail): string {
  const { record, chalk, contextText, again, command } = detail;
  const characters = [...contextText];
  const shown = `${characters.length > CONTEXT_CHARACTERS ? '…' : ''}${characters.slice(-CONTEXT_CHARACTERS).join('')}`;
  return `${[
    `${chalk.bold(`${record.case} › ${record.variant} › ${promptLabel(record)}`)} › ${formatPosition(record.position, record.step)} › ${record.phase}`,
    `context  ${quoteText(shown, CONTEXT_CHARACTERS + 1)}`,
    `token    ${record.inputToken.golden} ${quoteText(record.text)}`,
    '',
    ...metricLines(detail),
    '',
    ...topLines(detail),
    ...(again === undefined
      ? []
      : [
          `run again: ${again.sides.actual} against ${again.sides.golden}`,
          '',
          ...worstEntryLines(again.logits, detail),
          ...tapLines(again.taps, chalk),
        ]),
    `again    ${command}`,
  ].join('\n')}\n`;
}

function metricLines({ record, chalk, textOf }: TokenDetail): string[] {
  const { moments, distribution, choice, controls } = record;
  const status = isPassing(record) ? chalk.green(record.status) : chalk.red(record.status);
  const facts: [string, string][] = [
    ['PCC', `${formatPcc(record.pcc)}${record.pccUndefined === null ? '' : ` (${record.pccUndefined})`}`],
    [`PCC, ${record.pccJudgement.semantics}`, `${formatPcc(record.pccJudgement.pcc)} ${record.pccJudgement.outcome}`],
  ];
  if (distribution !== null) {
    facts.push([
      'KL, both ways',
      `${formatSmall(distribution.klNats)} and ${formatSmall(distribution.klReverseNats)} nat`,
    ]);
    const next = distribution.textToken;
    if (next !== null) {
      facts.push([
        'next in the text',
        `${next.id} ${quoteText(textOf(next.id), 20)}: golden ${formatShare(next.probability.golden)}, actual ${formatShare(next.probability.actual)}`,
      ]);
    }
  }
  if (moments !== null) {
    facts.push(['gain, offset', `${formatSmall(moments.gain)}, ${formatSmall(moments.offset)}`]);
    facts.push([
      'residual',
      `${formatSmall(moments.residualSd)} beside a golden sd of ${formatSmall(moments.sd.golden)}`,
    ]);
    facts.push([
      'max |difference|',
      `${formatSmall(moments.maxAbs)} at vocabulary entry ${moments.maxAbsIndex}, mean ${formatSmall(moments.meanAbs)}`,
    ]);
  }
  if (choice !== null) {
    facts.push([
      'choice',
      `${choice.flip === 'none' ? 'same' : choice.flip}, golden's margin ${formatSmall(choice.marginUlps)} ULP, common in top 10: ${choice.overlap10}`,
    ]);
  }
  if (controls.pccPreviousGolden !== null)
    facts.push(['PCC with the row before', formatPcc(controls.pccPreviousGolden)]);
  return [
    `verdict  ${status}${record.reason === null ? '' : `: ${record.reason}`}`,
    '',
    plainTable(['metric', ''], facts, 2, chalk),
  ];
}

function topLines({ record, chalk, textOf }: TokenDetail): string[] {
  const { choice, distribution } = record;
  if (choice === null || distribution === null) return ['no top-10: the rows are not comparable', ''];
  const { logNormaliser } = distribution;
  const cells = (token: TopToken | undefined, side: keyof Pair<unknown>, other: keyof Pair<unknown>): string[] =>
    token === undefined
      ? ['', '', '', '']
      : [
          quoteText(textOf(token.id), 20),
          token.logit[side].toFixed(3),
          formatShare(Math.exp(token.logit[side] - logNormaliser[side])),
          String(token.rank[other]),
        ];
  const golden = bestOf(choice.top, 'golden');
  const actual = bestOf(choice.top, 'actual');
  const rows = Array.from({ length: Math.max(golden.length, actual.length) }, (_, i) => [
    String(i + 1),
    ...cells(golden[i], 'golden', 'actual'),
    ...cells(actual[i], 'actual', 'golden'),
  ]);
  const header = ['', 'golden', 'logit', 'p', 'on device', 'actual', 'logit', 'p', 'on golden'];
  return [plainTable(header, rows, 9, chalk), ''];
}

const BEST_SHOWN = 10;

/** A side's own best tokens out of the union, best first. */
function bestOf(top: readonly TopToken[], side: keyof Pair<unknown>): TopToken[] {
  return top.filter(({ rank }) => rank[side] <= BEST_SHOWN).sort((a, b) => a.rank[side] - b.rank[side]);
}

function worstEntryLines({ golden, actual }: Pair<Float32Array>, { chalk, textOf }: TokenDetail): string[] {
  const errors = Array.from(golden, (value, id) => ({ id, value, error: Math.abs(actual[id]! - value) }));
  // A difference that is no number is the largest of all; equal ones stay in order of their ids.
  errors.sort((a, b) => (Number.isNaN(b.error) ? 1 : 0) - (Number.isNaN(a.error) ? 1 : 0) || b.error - a.error);
  const rows = errors
    .slice(0, WORST_ENTRIES_SHOWN)
    .map(({ id, value, error }) => [
      String(id),
      quoteText(textOf(id), 20),
      value.toFixed(4),
      actual[id]!.toFixed(4),
      error.toFixed(4),
    ]);
  return [
    chalk.bold('worst vocabulary entries'),
    plainTable(['id', 'text', 'golden', 'actual', '|difference|'], rows, 2, chalk),
    '',
  ];
}

function tapLines(taps: readonly TapComparison[], chalk: ChalkInstance): string[] {
  if (taps.length === 0) return ['no taps: a recording stands in for one side', ''];
  const isLow = ({ pcc }: TapComparison): boolean => !(pcc !== null && pcc >= TAP_PCC_MINIMUM);
  const rows = taps.map((one) => [
    one.tap,
    formatPcc(one.pcc),
    formatSmall(one.relL2),
    isLow(one) ? chalk.red('below') : chalk.green('pass'),
  ]);
  const first = taps.find(isLow);
  const sentence =
    first === undefined
      ? `every tap keeps PCC ${formatValue(TAP_PCC_MINIMUM)}`
      : `first tap below its minimum: ${first.tap} (${formatPcc(first.pcc)} < ${formatValue(TAP_PCC_MINIMUM)})`;
  return [plainTable(['tap', 'PCC', 'relative error', 'verdict'], rows, 1, chalk), sentence, ''];
}
