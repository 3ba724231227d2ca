// Colours and borderless tables for the terminal.
import { Chalk, type ChalkInstance, type ColorInfo, supportsColor } from 'chalk';
import Table from 'cli-table3';

/** Colours as the terminal has them, none under NO_COLOR (https://no-color.org) or in a pipe. */
export function createChalk(
  environment: Readonly<Record<string, string | undefined>>,
  terminal: ColorInfo = supportsColor,
): ChalkInstance {
  const isPlain = (environment['NO_COLOR'] ?? '') !== '';
  return new Chalk({ level: isPlain || terminal === false ? 0 : terminal.level });
}

/** Table without borders: headers dim, two spaces between columns; `rightFrom` is the first right-aligned column. */
export function plainTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  rightFrom: number,
  chalk: ChalkInstance,
): string {
  const edges = ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) => [
    side,
    `${side}-mid`,
    `${side}-left`,
    `${side}-right`,
  ]);
  const chars = { ...Object.fromEntries(edges.map((edge) => [edge, ''])), 'left-mid': '', 'mid-mid': '', middle: '  ' };
  const table = new Table({
    head: header.map((name) => chalk.dim(name)),
    chars,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: header.map((_, i) => (i >= rightFrom ? 'right' : 'left')),
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
