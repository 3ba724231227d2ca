// The league in as many columns as the README has room for, as Markdown.
import type { CompareEntrant, CompareRecord } from '../../compare/league/compare-record.ts';
import { formatPcc, formatShare, formatSmall } from '../../report/format.ts';

const HEADER = ['entrant', 'bits/weight', 'PCC lowest', 'PCC median', 'top-1', 'PPL ratio', 'Q', 'D', 'T', 'verdict'];
const WORD_COLUMN = HEADER.length - 1;

/** A table; without its captions, which whoever takes it writes. */
export function shortLeague({ league }: CompareRecord): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = HEADER.map((_, i) => (i === 0 || i === WORD_COLUMN ? '---' : '--:'));
  return [HEADER, rule, ...league.map(cellsOf)].map(line).join('\n');
}

function cellsOf(entrant: CompareEntrant): string[] {
  const { label, storage, total, perplexityRatio, checkpoint, device, word } = entrant;
  return [
    `\`${shortLabel(label)}\``,
    storage?.bitsPerWeight.toFixed(2) ?? '',
    formatPcc(total.pccMinimum),
    formatPcc(total.pccMedian),
    formatShare(total.top1),
    perplexityRatio === null ? '' : perplexityRatio.value.toFixed(3),
    checkpoint === null ? '' : formatSmall(checkpoint.klMean),
    device === null ? '' : formatSmall(device.klMean),
    formatSmall(total.klMean),
    word,
  ];
}

/** Checkpoints without the device that all of them have in common. */
function shortLabel(label: string): string {
  return label.slice(label.indexOf('@') + 1);
}
