// --suggest: rules with a margin from runs of the user's own, as text or as a rules file.
import type { Command } from 'commander';
import { UsageError } from '../../src/errors.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { isInvalid } from '../gate/token-highlights.ts';
import { findRunFolder } from '../record/read-log.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { readRun } from '../replay/read-run.ts';
import { MeasuredTokens, TEXTS, type Texts } from '../suggest/measured-tokens.ts';
import { suggestRules } from '../suggest/suggest-rules.ts';
import { suggestText } from '../suggest/suggest-text.ts';
import { oneOf, positiveNumber } from './option-values.ts';

export interface SuggestCommandOptions {
  /** true: from the run that this command makes. */
  readonly suggest?: true | string[];
  readonly floor?: string[];
  readonly alpha: number;
  readonly beta: number;
  readonly multiple: number;
  readonly texts: Texts;
  readonly out: string;
  readonly json?: boolean;
}

export function addSuggestOptions(command: Command): Command {
  return command
    .option(
      '--suggest [run...]',
      'suggest rules from this run, or from these without a new one; with --json as a rules file (docs/rules-file.md)',
    )
    .option('--floor <run...>', 'with --suggest: runs whose spread is the floor (repeats, a reference in bfloat16)')
    .option('--alpha <rate>', 'with --suggest: how often an honest run may break a rule', rate('--alpha'), 0.01)
    .option('--beta <rate>', 'with --suggest: how often what a rule detects may keep it', rate('--beta'), 0.1)
    .option('--multiple <x>', 'with --suggest: of the floor, at least', positiveNumber('--multiple'), 2)
    .option(
      '--texts <which>',
      'with --suggest: will the rules judge runs of the same prompts, or of other ones, which scatter more?',
      oneOf('--texts', TEXTS),
      'same',
    );
}

/** @returns a reader of shares above 0 and below one half. */
function rate(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value > 0 && value < 0.5) return value;
    throw new UsageError(`${option} must be a number above 0 and below 0.5; got "${text}".`, {
      code: 'OPTION_VALUE',
      hint: `for example ${option} 0.01.`,
    });
  };
}

/** @throws UsageError RUN_NOT_FOUND, SUGGEST_INVALID; InputError of a log that does not hold together. */
export function printSuggestions(runs: readonly string[], options: SuggestCommandOptions): void {
  const { alpha, beta, multiple, texts, floor = [], out, json } = options;
  const measured = readMeasured(runs, out);
  const suggestions = suggestRules({
    ...{ alpha, beta, multiple, texts },
    variants: measured.tokens.variants(texts),
    floors: readMeasured(floor, out).tokens.variants(texts),
    defaults: defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM }),
    runs: measured.ids.join(', '),
    date: measured.date,
  });
  if (json !== true) {
    process.stdout.write(suggestText(suggestions));
    return;
  }
  process.stdout.write(`${JSON.stringify({ rules: suggestions.rules }, null, 2)}\n`);
  for (const note of suggestions.notes) process.stderr.write(`note: ${note}\n`);
}

interface MeasuredRuns {
  readonly tokens: MeasuredTokens;
  readonly ids: readonly string[];
  /** YYYY-MM-DD, of the last of them. */
  readonly date: string;
}

function readMeasured(runs: readonly string[], out: string): MeasuredRuns {
  const tokens = new MeasuredTokens();
  const read = runs.map((given) => {
    const folder = findRunFolder(given, out);
    const replay = readRun(folder, (record) => {
      if (!isInvalid(record)) tokens.add(folder, record);
    });
    const { verdict, runId, startedAt } = concludeRun(replay);
    if (verdict.status === 'pass' || verdict.status === 'fail') return { runId, day: startedAt.slice(0, 10) };
    throw new UsageError(`${folder} measures nothing: ${verdict.headline}`, {
      code: 'SUGGEST_INVALID',
      facts: { found: verdict.status, wanted: 'a run that was judged whole, pass or fail' },
      hint: 'name runs of an honest device that came to their end.',
    });
  });
  const days = read.map(({ day }) => day).sort();
  return { tokens, ids: read.map(({ runId }) => runId), date: days.at(-1) ?? '' };
}
