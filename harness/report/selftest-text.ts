// A self-test in the terminal: a line a fault with the rules that caught it, what the threshold alone would let pass, the verdict.
import type { ChalkInstance } from 'chalk';
import type { FaultResult, SelfTestCase, SelfTestRecord } from '../record/selftest-record.ts';
import { countOf } from './format.ts';

const EXPECTED: Readonly<Record<FaultResult['expect'], string>> = {
  caught: 'must',
  told: 'tell',
  harmless: 'harmless',
  open: 'may',
};
const NAME_WIDTH = 62;

/** @returns lines; the last one is for machines: `… N caught, N missed`. */
export function selfTestText(record: SelfTestRecord, chalk: ChalkInstance): string {
  const { cases, headline, missed, exitCode } = record;
  const colour = exitCode === 0 ? chalk.green : chalk.red;
  const word = exitCode === 0 ? 'PASS' : missed.length > 0 ? 'FAIL' : 'INVALID';
  const faults = cases.flatMap((one) => one.faults);
  const lines = [
    ...legend(record, chalk),
    ...cases.flatMap((one) => caseLines(one, record, chalk)),
    ...damageLines(record, chalk),
    `${colour.bold(word)}  ${headline}`,
    `${countOf(faults.length, 'fault')}: ${faults.filter(({ outcome }) => outcome === 'caught').length} caught, ${missed.length} missed`,
  ];
  return `${lines.join('\n')}\n`;
}

/** The column of the contract, which no rule is: a device that breaks down or hands out something else. */
const CONTRACT = 'contract';

function legend({ rules }: SelfTestRecord, chalk: ChalkInstance): string[] {
  const names = [CONTRACT, ...rules.map(({ id }) => id)].map((name, column) => `${letter(column)} ${name}`);
  return [
    chalk.dim('columns: a letter where that rule broke, ? where it would have with enough tokens'),
    ...wrap(names, 110).map((line) => `  ${line}`),
    '',
  ];
}

function caseLines(one: SelfTestCase, record: SelfTestRecord, chalk: ChalkInstance): string[] {
  const { name, device, reference, prompts, tokens, honest } = one;
  const says =
    honest.outcome === 'passes'
      ? chalk.green('passes')
      : chalk.red(
          `does not pass (${honest.brokenRules.join(', ') || 'not judged'}): the rules are tried, not the device`,
        );
  return [
    `${chalk.bold(name)} · ${reference.model} · ${countOf(tokens, 'token')} of ${prompts.join(', ')}`,
    `control: ${device.label} as it is ${says}`,
    '',
    chalk.dim(`${'fault'.padEnd(NAME_WIDTH)}  ${'wanted'.padEnd(8)}  ${columnLetters(record)}  says`),
    ...one.faults.map((fault) => faultLine(fault, record, chalk)),
    '',
    thresholdLine(one, record),
    ...harmlessLines(one),
    '',
  ];
}

function columnLetters({ rules }: SelfTestRecord): string {
  return Array.from({ length: rules.length + 1 }, (_, column) => letter(column)).join('');
}

function faultLine(fault: FaultResult, { rules }: SelfTestRecord, chalk: ChalkInstance): string {
  const { name, expect, outcome, brokenRules, code, tooFewTokens } = fault;
  const marks = [CONTRACT, ...rules.map(({ id }) => id)].map((id, column) => {
    if (id === CONTRACT ? code !== null : brokenRules.includes(id)) return letter(column);
    return tooFewTokens.includes(id) ? '?' : '·';
  });
  return `${name.padEnd(NAME_WIDTH)}  ${EXPECTED[expect].padEnd(8)}  ${marks.join('')}  ${wordOf(fault, outcome, chalk)}`;
}

function wordOf(
  { expect, code, brokenRules, reason }: FaultResult,
  outcome: FaultResult['outcome'],
  chalk: ChalkInstance,
): string {
  if (outcome === 'notJudged') return chalk.yellow(`not judged: ${reason}`);
  if (outcome === 'told') return chalk.green('passes, with a warning in the verdict');
  if (outcome === 'passes') {
    return expect === 'harmless' ? chalk.green('passes: harmless') : expect === 'open' ? 'passes' : chalk.red('PASSES');
  }
  const by = code ?? brokenRules[0] ?? 'verdict';
  return expect === 'harmless' ? chalk.red(`caught by ${by}, though harmless`) : `caught by ${by}`;
}

function damageLines({ damage }: SelfTestRecord, chalk: ChalkInstance): string[] {
  if (damage.length === 0) return [];
  const parts = damage.map(({ rule, faults, passes }) => `${rule} ${passes.length} of ${faults}`);
  return [chalk.dim('faults that pass a rule if it stands alone'), ...wrap(parts, 110).map((line) => `  ${line}`), ''];
}

/** What a test with the PCC minimum and no other rule would let pass. */
function thresholdLine(one: SelfTestCase, { pccMinimum, pccSemantics }: SelfTestRecord): string {
  const judged = one.faults.filter(({ expect, passesThreshold }) => expect === 'caught' && passesThreshold !== null);
  const passing = judged.filter(({ passesThreshold }) => passesThreshold === true);
  const start = `--threshold ${pccMinimum} alone (${pccSemantics})`;
  if (passing.length === 0)
    return `${start} would let none of ${countOf(judged.length, 'fault')} pass that must be caught.`;
  const these = passing.length === 1 ? 'this fault' : `these ${passing.length} faults`;
  return `${start} would let ${these} of ${judged.length} pass: ${passing.map(({ id }) => id).join(', ')}.`;
}

function harmlessLines({ faults }: SelfTestCase): string[] {
  const harmless = faults.filter(({ expect, outcome }) => expect === 'harmless' && outcome !== 'caught');
  if (harmless.length === 0) return [];
  return [`Harmless, and rightly passing: ${harmless.map(({ id, why }) => `${id} (${why})`).join(', ')}.`];
}

/** Of as many rules as a file has, within reason. */
const COLUMN_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function letter(column: number): string {
  return COLUMN_LETTERS[column] ?? '+';
}

function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 3 > width) lines.push(word);
    else lines[lines.length - 1] = `${last} · ${word}`;
  }
  return lines;
}
