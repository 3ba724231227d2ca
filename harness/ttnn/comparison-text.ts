// ttnn's own comparison in the terminal, beside ours: what it compared, what it passed over.
import type { ChalkInstance } from 'chalk';
import { countOf, formatPcc } from '../report/format.ts';
import { plainTable } from '../report/plain-table.ts';
import type { ComparedTensors, ComparisonRecords } from './comparison-records.ts';

const OPERATIONS_SHOWN = 8;

export function comparisonText({ file, local, global, skipped }: ComparisonRecords, chalk: ChalkInstance): string {
  const rows = [
    ['local: golden of the same inputs', local],
    ['global: golden all the way', global],
  ] as const;
  return `${[
    '',
    plainTable(
      [`ttnn comparison mode, ${file}`, 'compared', 'below', 'lowest PCC', 'of'],
      rows.map(([name, one]) => [name, String(one.compared), belowText(one, chalk), lowestPcc(one), lowestOf(one)]),
      1,
      chalk,
    ),
    skippedText(skipped),
  ].join('\n')}\n`;
}

function belowText({ below }: ComparedTensors, chalk: ChalkInstance): string {
  return below > 0 ? chalk.red(String(below)) : '0';
}

function lowestPcc({ lowest: [first] }: ComparedTensors): string {
  return first === undefined ? 'none' : formatPcc(first.pcc);
}

function lowestOf({ lowest: [first] }: ComparedTensors): string {
  return first === undefined ? '' : `tensor ${first.tensor}${first.operation === null ? '' : `, ${first.operation}`}`;
}

/** What nobody compared did not pass. */
function skippedText(skipped: ComparisonRecords['skipped']): string {
  if (skipped === null)
    return 'skipped: unknown, since REPORT.python_io.json, which names the operations, is not beside it';
  const tensors = skipped.reduce((sum, one) => sum + one.tensors, 0);
  if (tensors === 0) return 'skipped: nothing, every output of an operation was compared';
  const shown = skipped.slice(0, OPERATIONS_SHOWN).map(({ operation, tensors: own }) => `${operation} ${own}`);
  const more = skipped.length - shown.length;
  return `skipped: ${countOf(tensors, 'output')} never compared: ${shown.join(', ')}${more > 0 ? `, and ${countOf(more, 'operation')} more` : ''}`;
}
