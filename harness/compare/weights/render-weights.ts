// A comparison of weights as people read it: the verdict, faults in sentences, the worst tensors; for terminals and as Markdown.
import type { ChalkInstance } from 'chalk';
import { printable } from '../../../src/text/printable.ts';
import { countOf, formatBytes, formatShare, formatSmall } from '../../report/format.ts';
import { escapeCell } from '../../report/markdown.ts';
import { plainTable } from '../../report/plain-table.ts';
import type { CheckpointFacts, Diagnosis, TensorComparison, WeightComparison } from './weight-comparison.ts';

export const TENSORS_SHOWN = 20;

const HEADER = ['tensor', 'stored as', 'SQNR dB', 'rel. L2', 'max |error|', 'at', 'changed', 'diagnosis'];
/** First column of numbers. */
const RIGHT_FROM = 2;

/** For a terminal: no line end at the end. */
export function weightsTerminal(comparison: WeightComparison, chalk: ChalkInstance): string {
  const { relation, headline, notes } = comparison;
  const isBad = relation === 'faulty' || relation === 'notAVariant';
  const shown = worst(comparison);
  const rows = shown.map((tensor) => cellsOf(tensor).map((cell) => printable(cell)));
  return [
    (isBad ? chalk.red.bold : chalk.bold)(printable(headline)),
    ...factLines(comparison),
    ...sentences(comparison).map(([name, sentence]) => `  ${chalk.red(printable(name))}: ${printable(sentence)}`),
    ...notes.map((note) => `Note: ${printable(note)}`),
    ...(rows.length === 0 ? [] : ['', plainTable(HEADER, rows, RIGHT_FROM, chalk)]),
    ...restLines(comparison, shown.length),
  ].join('\n');
}

/** For a CI's summary; ends with a line end. */
export function weightsMarkdown(comparison: WeightComparison): string {
  const { base, variant, headline, notes } = comparison;
  const shown = worst(comparison);
  const lines = [
    `# Weights of ${escapeCell(variant.name)} against ${escapeCell(base.name)}`,
    '',
    `${escapeCell(headline)}.`,
    '',
    ...factLines(comparison).map((line) => `- ${escapeCell(line)}`),
    ...notes.map((note) => `- ${escapeCell(note)}`),
    ...sentences(comparison).map(([name, sentence]) => `- **${escapeCell(name)}**: ${escapeCell(sentence)}`),
    '',
  ];
  if (shown.length > 0) {
    lines.push(
      `| ${HEADER.map(escapeCell).join(' | ')} |`,
      `|${HEADER.map((_, i) => (i >= RIGHT_FROM && i < HEADER.length - 1 ? '--:' : '---')).join('|')}|`,
      ...shown.map((tensor) => `| ${cellsOf(tensor).map(escapeCell).join(' | ')} |`),
      '',
    );
  }
  return [...lines, ...restLines(comparison, shown.length).map(escapeCell), ''].join('\n');
}

/** Machine-readable; ends with a line end. */
export function weightsJson(comparison: WeightComparison): string {
  return `${JSON.stringify(comparison, null, 2)}\n`;
}

export type WeightsForm = 'terminal' | 'markdown' | 'json';

export function renderWeightComparison(comparison: WeightComparison, form: WeightsForm, chalk: ChalkInstance): string {
  if (form === 'terminal') return weightsTerminal(comparison, chalk);
  return form === 'markdown' ? weightsMarkdown(comparison) : weightsJson(comparison);
}

/** Those that differ, as sorted; all that are diagnosed come first. */
function worst({ tensors }: WeightComparison): readonly TensorComparison[] {
  return tensors.filter(({ state }) => state !== 'equal').slice(0, TENSORS_SHOWN);
}

function restLines({ tensors }: WeightComparison, shown: number): string[] {
  const equal = tensors.filter(({ state }) => state === 'equal').length;
  const hidden = tensors.length - equal - shown;
  return [
    ...(hidden > 0 ? [`${countOf(hidden, 'more tensor')} in the JSON, with a higher SQNR or the same faults.`] : []),
    ...(equal > 0 && equal < tensors.length
      ? [`${countOf(equal, 'tensor')} of ${tensors.length} equal the base's.`]
      : []),
  ];
}

function sentences({ tensors }: WeightComparison): [string, string][] {
  return tensors
    .slice(0, TENSORS_SHOWN)
    .flatMap(({ name, diagnoses }) => diagnoses.map(({ sentence }): [string, string] => [name, `${sentence}.`]));
}

function factLines({ base, variant }: WeightComparison): string[] {
  return [factLine('base', base), factLine('variant', variant)];
}

function factLine(side: string, { name, encoding, bytes, weights, bitsPerWeight }: CheckpointFacts): string {
  const how = encoding === null ? '' : `, ${encoding}`;
  return printable(
    `${side} ${name}: ${formatBytes(bytes)}, ${weights} weights, ${bitsPerWeight.toFixed(2)} bits each${how}`,
  );
}

function cellsOf(tensor: TensorComparison): string[] {
  const { name, storedAs, sqnrDb, sqnrUnfoldedDb, relativeL2, changedShare } = tensor;
  const sqnr = sqnrUnfoldedDb === null ? decibels(sqnrDb) : `${decibels(sqnrUnfoldedDb)} (raw ${decibels(sqnrDb)})`;
  return [
    name,
    storedAs.base === storedAs.variant ? storedAs.base : `${storedAs.base} -> ${storedAs.variant}`,
    sqnr,
    formatSmall(relativeL2),
    formatSmall(tensor.largestError?.error ?? null),
    placeOf(tensor),
    formatShare(changedShare),
    verdictOf(tensor),
  ];
}

function decibels(value: number | null): string {
  return value === null ? 'none' : value.toFixed(1);
}

/** `101, 70 (tile 2, 3; core 3 of 16)`: row and column of [out, in], tile of [K, N]. */
function placeOf({ largestError, shape }: TensorComparison): string {
  if (largestError === null) return '';
  const { row, column, tile, core } = largestError;
  if (shape.length === 1) return String(column);
  const owner = core === null ? '' : `; core ${core.core} of ${core.cores}`;
  return tile === null ? `${row}, ${column}` : `${row}, ${column} (tile ${tile.k}, ${tile.n}${owner})`;
}

/** Faults in a word; else what is worth knowing and no fault. */
function verdictOf({ diagnoses, zeroRows, zeroColumns, constantTiles }: TensorComparison): string {
  if (diagnoses.length > 0) return diagnoses.map(({ kind }) => WORDS[kind]).join(', ');
  const facts = [
    [zeroRows, 'zero row'],
    [zeroColumns, 'zero column'],
    [constantTiles, 'constant tile'],
  ] as const;
  return facts.flatMap(([count, noun]) => (count === 0 ? [] : [countOf(count, noun)])).join(', ');
}

const WORDS: Readonly<Record<Diagnosis['kind'], string>> = {
  notFinite: 'not finite',
  beyondFloat16: 'beyond float16',
  zeroed: 'all zero',
  lostBias: 'lost bias',
  appeared: 'zero in the base',
  constant: 'constant',
  wrongScale: 'wrong scale',
  wrongScales: 'wrong scales',
  constantShift: 'zero point',
  zeroedPart: 'zero in a part',
  wrongPart: 'corrupted part',
  transposed: 'transposed',
  permutedHeads: 'heads permuted',
  permutedGroups: 'groups permuted',
  permutedRows: 'rows permuted',
  permutedColumns: 'columns permuted',
  holdsOther: 'another tensor',
  swapped: 'swapped',
  shiftedLayers: 'layers shifted',
  otherHead: 'another head',
  tiedHead: 'head lost',
  untiedHead: 'head untied',
  vocabulary: 'vocabulary',
  unrelated: 'unrelated',
  belowFormat: 'below its format',
};
