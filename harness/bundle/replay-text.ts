// What a replayed bundle says, for the terminal and as JSON.
import type { ChalkInstance } from 'chalk';
import { printable } from '../../src/text/printable.ts';
import { isTokenRule, judgeByTokenRules } from '../gate/judge-token.ts';
import { isExpected } from '../gate/rule-places.ts';
import { tokenMetricValue } from '../gate/token-metrics.ts';
import { firstDifference } from '../record/run-spec.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { formatPcc, formatPosition, formatSmall, formatValue, quoteText } from '../report/format.ts';
import { plainTable } from '../report/plain-table.ts';
import type { BundleRecord, TokenNumbers } from './bundle-record.ts';
import { numbersOf } from './judge-rows.ts';
import type { OpenedBundle } from './read-bundle.ts';

/** What a token rule says of the token. */
interface ReplayedRule {
  readonly id: string;
  readonly observed: number | null;
  readonly op: string;
  readonly threshold: number;
  /** expected: broken where the rules file expects it. */
  readonly status: 'pass' | 'fail' | 'expected' | 'notJudged';
}

/** A side that ran again, against its row in the bundle. */
export interface RerunSide {
  readonly side: 'reference' | 'device';
  readonly label: string;
  /** Of V logits, those with other bits; the largest difference among them. */
  readonly different: number;
  readonly largest: number;
}

export interface ReplayedBundle {
  readonly sha256: string;
  readonly run: BundleRecord['run'];
  readonly sides: BundleRecord['sides'];
  readonly rowsFrom: BundleRecord['rowsFrom'];
  readonly token: TokenNumbers;
  readonly rules: readonly ReplayedRule[];
  /** First place where the run's log says something else; null: nowhere. */
  readonly loggedDiffers: string | null;
  readonly taps: BundleRecord['taps'];
  readonly rerun: readonly RerunSide[];
}

export function replayed({ record, sha256, token }: OpenedBundle, rerun: readonly RerunSide[]): ReplayedBundle {
  const numbers = numbersOf(token);
  return {
    sha256,
    run: record.run,
    sides: record.sides,
    rowsFrom: record.rowsFrom,
    token: numbers,
    rules: rulesOf(record, token),
    loggedDiffers: firstDifference(record.logged, numbers, '')?.path ?? null,
    taps: record.taps,
    rerun,
  };
}

const STATUSES = ['notJudged', 'pass', 'fail', 'expected'] as const;

function rulesOf({ spec }: BundleRecord, token: TokenRecord): ReplayedRule[] {
  const rules = spec.judge.rules.filter(isTokenRule);
  const { outcomes } = judgeByTokenRules(rules, token);
  return rules.map((rule, i) => ({
    id: rule.id,
    observed: tokenMetricValue(token, rule.metric),
    op: rule.op,
    threshold: rule.threshold,
    status:
      outcomes[i] === 2 && isExpected(spec.judge.expected ?? [], rule.id, token) ? 'expected' : STATUSES[outcomes[i]!],
  }));
}

export function replayText(found: ReplayedBundle, token: TokenRecord, chalk: ChalkInstance): string {
  const { run, sides, rules, taps, rerun, rowsFrom, loggedDiffers, sha256 } = found;
  const { klNats } = token.distribution ?? { klNats: null };
  const rows = rules.map(({ id, observed, op, threshold, status }) => [
    printable(id),
    formatValue(observed),
    `${op} ${formatValue(threshold)}`,
    status === 'fail' ? chalk.red(status) : status === 'notJudged' ? 'not judged' : chalk.green(status),
  ]);
  // A bundle comes from anybody: no text of it may steer the terminal.
  const tapRows = taps.map(({ tap, pcc, relL2 }) => [printable(tap), formatPcc(pcc), formatSmall(relL2)]);
  const lines = [
    `${chalk.bold(printable(token.prompt))} · ${formatPosition(token.position, token.step)} · token ${quoteText(token.text)} · run ${printable(run.runId)}`,
    `${printable(sides.actual.label)} against ${printable(sides.golden.label)}`,
    `PCC ${formatPcc(token.pcc)}; KL ${formatSmall(klNats)} nat; ${token.status}${token.reason === null ? '' : `: ${printable(token.reason)}`}`,
    '',
    plainTable(['rule', 'observed', 'limit', 'says'], rows, 1, chalk),
    ...(tapRows.length === 0 ? [] : ['', plainTable(['tap', 'PCC', 'relative error'], tapRows, 1, chalk)]),
    '',
    `every number measured again from the rows${rowsFrom === 'again' ? ', which were made again for the bundle' : ' that the run judged'}, and equal`,
    loggedDiffers === null
      ? "equal to the run's log too"
      : `the run's log has other digits, first in ${loggedDiffers}: its rows were made by another version, on another processor, or by a reference in bf16 in other passes`,
    ...rerun.map(rerunText),
    `bundle sha256 ${sha256}`,
  ];
  return `${lines.join('\n')}\n`;
}

function rerunText({ side, label, different, largest }: RerunSide): string {
  const what =
    different === 0 ? 'bit-equal' : `${different} logits have other bits, by ${formatSmall(largest)} at most`;
  return `${side} run again (${label}): ${what}`;
}
