// An attribution in the terminal: the operations that stand out, what heals, what alone breaks, and the words.
import type { ChalkInstance } from 'chalk';
import type { Change, OpError, TokenMeasure, WhyRecord } from '../record/why-record.ts';
import { formatPcc, formatShare, formatSmall } from './format.ts';
import { plainTable } from './plain-table.ts';

const OPS_SHOWN = 8;
const CHANGES_SHOWN = 10;
const CARRIERS_SHOWN = 6;

/** @returns the whole text, ending with a line break. */
export function whyText(record: WhyRecord, chalk: ChalkInstance): string {
  const { device, redrawn, healthy, exact, changes, carriers, recording } = record;
  return `${[
    chalk.bold(`why: ${record.sides.actual} against ${record.sides.golden}`),
    plainTable(
      ['', ...MEASURE_HEADER],
      [
        [recording === null ? 'this device' : 'the recording', ...measureCells(device)],
        ...redrawn.map((measure, i) => [`  drawn anew, ${i + 1}`, ...measureCells(measure)]),
        [recording === null ? 'a healthy one' : `a healthy ${recording.heldAgainst}`, ...measureCells(healthy)],
        ...(exact === null ? [] : [[recording === null ? 'everything promoted' : 'exact', ...measureCells(exact)]]),
      ],
      1,
      chalk,
    ),
    '',
    ...opLines(record, chalk),
    ...changeLines('what heals it', changes, 'promotion', chalk),
    ...changeLines('what alone breaks it', changes, 'demotion', chalk),
    ...(carriers.length === 0
      ? []
      : [
          chalk.bold("golden keys and values in the device's cache"),
          plainTable(
            ['layer', 'head', 'part', 'key bias up to', 'step', ...MEASURE_HEADER, 'healed'],
            carriers
              .slice(0, CARRIERS_SHOWN)
              .map(({ layer, head, part, measure, share, keyBias }) => [
                String(layer),
                head === null ? 'all' : String(head),
                part,
                keyBias === null ? '' : formatSmall(keyBias.largest),
                keyBias === null ? '' : String(keyBias.step),
                ...measureCells(measure),
                formatShare(share),
              ]),
            3,
            chalk,
          ),
          '',
        ]),
    record.words,
  ].join('\n')}\n`;
}

const MEASURE_HEADER = ['PCC', 'KL', 'regret'];

function measureCells({ pcc, klNats, regretNats }: TokenMeasure): string[] {
  return [formatPcc(pcc), formatSmall(klNats), formatSmall(regretNats)];
}

/** The blamed ones, or those nearest to it. */
function opLines({ ops, rule, recording }: WhyRecord, chalk: ChalkInstance): string[] {
  const blamed = ops.filter(({ isBlamed }) => isBlamed);
  const nearest = [...ops].sort((a, b) => b.ratio - a.ratio);
  const shown = (blamed.length > 0 ? blamed : nearest).slice(0, OPS_SHOWN);
  const rows = shown.map((one) => [
    one.tap,
    one.span.length === 0 ? one.op : `${one.op} and ${one.span.length} before it`,
    formatSmall(one.isolated),
    formatSmall(one.healthy),
    formatSmall(one.accumulated),
    formatPcc(one.accumulatedPcc),
    verdictOf(one, chalk),
  ]);
  return [
    chalk.bold(blamed.length === 0 ? 'operations, nearest to blame' : `operations, ${blamed.length} blamed`),
    plainTable(['tap', 'op', 'by itself', 'healthy', 'accumulated', 'PCC', 'of its limit'], rows, 2, chalk),
    chalk.dim(rule.text),
    ...recordingLines(recording, chalk),
    '',
  ];
}

/** Where a recording leaves the reference with all that was wrong before, and how much of it there is to see. */
function recordingLines(recording: WhyRecord['recording'], chalk: ChalkInstance): string[] {
  if (recording === null) return [];
  const { recordedTaps, notRecorded, firstApart } = recording;
  const apart =
    firstApart === null
      ? 'no recorded tap is farther from the reference than twice what a healthy device is'
      : `first farther from the reference than twice what a healthy device is: ${firstApart.tap}, ${formatSmall(firstApart.relL2)} where ${formatSmall(firstApart.healthy)} is usual`;
  return [chalk.dim(`${recordedTaps} of ${recordedTaps + notRecorded.length} taps recorded; ${apart}`)];
}

function verdictOf({ ratio, isBlamed }: OpError, chalk: ChalkInstance): string {
  const text = formatSmall(ratio);
  return isBlamed ? chalk.red(text) : chalk.green(text);
}

function changeLines(
  title: string,
  changes: readonly Change[],
  direction: Change['direction'],
  chalk: ChalkInstance,
): string[] {
  const wanted = changes.filter((change) => change.direction === direction).slice(0, CHANGES_SHOWN);
  if (wanted.length === 0) return [];
  const rows = wanted.map(({ name, kind, what, measure, share, past, draws, effective }) => [
    name,
    kind,
    what,
    past,
    ...measureCells(measure),
    draws === 1 ? '' : `${effective} of ${draws}`,
    formatShare(share),
  ]);
  const last = direction === 'demotion' ? 'of the loss' : 'healed';
  return [
    chalk.bold(title),
    plainTable(['change', '', 'what', 'past', ...MEASURE_HEADER, 'draws', last], rows, 4, chalk),
    '',
  ];
}
