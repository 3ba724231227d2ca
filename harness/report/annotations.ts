// A run as annotations of a GitHub job: workflow commands, which the runner takes from what a step prints.
import { isPassing, type TokenHighlights } from '../gate/token-highlights.ts';
import type { RunRecord } from '../record/run-record.ts';
import { promptLabel, type TokenRecord } from '../record/token-record.ts';
import { quoteText } from './format.ts';
import { describeToken } from './worst-tokens.ts';

/** GitHub shows ten of a step and drops the others without a word. */
const ANNOTATIONS_MAX = 10;
/** GitHub cuts a message at 4 KB; a cause may be a whole error text. */
const MESSAGE_CHARACTERS_MAX = 1000;

/**
 * @returns lines: the verdict, then the worst failing tokens; at most ANNOTATIONS_MAX.
 */
export function githubAnnotations(run: RunRecord, { worst }: Pick<TokenHighlights, 'worst'>): string[] {
  const { status, headline } = run.verdict;
  const failing = worst.filter((record) => !isPassing(record)).slice(0, ANNOTATIONS_MAX - 1);
  return [
    command(status === 'pass' ? 'notice' : 'error', `qwen-pcc: ${status}`, headline),
    ...failing.map((record) => command('error', placeOf(record), `${record.status}: ${describeToken(record)}`)),
  ];
}

function placeOf(record: TokenRecord): string {
  const { case: name, variant, position, text } = record;
  return `${name}, ${variant}, ${promptLabel(record)}, position ${position}, token ${quoteText(text)}`;
}

function command(level: 'notice' | 'error', title: string, message: string): string {
  return `::${level} title=${escapeProperty(title)}::${escapeData(message.slice(0, MESSAGE_CHARACTERS_MAX))}`;
}

/** As the runner undoes it (actions/toolkit, command.ts): a text cannot end its line, nor begin a command of its own. */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
