// The closing summary of a run in the terminal: prompts, worst tokens, rules, run folder, verdict.
import type { ChalkInstance } from 'chalk';
import type { RunRecord, VariantRecord } from '../record/run-record.ts';
import type { TokenRecord } from '../record/token-record.ts';
import type { RuleResult } from '../record/verdict.ts';
import {
  countOf,
  formatBytes,
  formatDuration,
  formatPcc,
  formatPosition,
  formatShare,
  formatSmall,
  formatValue,
  quoteText,
  ruleHeadroom,
} from './format.ts';
import { plainTable } from './plain-table.ts';
import { describeToken, isPassing, worstTokens } from './worst-tokens.ts';

const WORST_SHOWN = 5;

export interface TerminalOptions {
  readonly chalk: ChalkInstance;
  /** Path of the run folder as the user can type it. */
  readonly folder: string;
}

/** @returns the summary as lines; the last one is for machines: `… N passed, N failed` over prompts and rules. */
export function terminalSummary(run: RunRecord, records: readonly TokenRecord[], options: TerminalOptions): string {
  const { chalk } = options;
  const lines = [
    ...run.variants.flatMap((variant) => variantLines(variant, records, chalk)),
    ...worstLines(run, records, options),
    ...ruleLines(run.gate.rules, chalk),
    ...verdictLines(run, records, options),
  ];
  return `${lines.join('\n')}\n`;
}

function variantLines(variant: VariantRecord, records: readonly TokenRecord[], chalk: ChalkInstance): string[] {
  const rows = variant.prompts.map((prompt) => {
    const summary = variant.summary.byPrompt[prompt.name];
    const own = records.filter((record) => record.variant === variant.name && record.prompt === prompt.name);
    const isGood = own.every(isPassing) && prompt.tokensJudged === prompt.tokensPlanned;
    const divergence = prompt.divergencePosition === null ? '' : ` (parts at position ${prompt.divergencePosition})`;
    return [
      `${prompt.name}${divergence}`,
      `${prompt.promptLength}+${prompt.tokenIds.length - prompt.promptLength}`,
      formatPcc(summary?.pcc?.min ?? null),
      formatPcc(summary?.pcc?.p50 ?? null),
      formatSmall(summary?.klNats?.mean ?? null),
      formatShare(summary?.top1 ?? null),
      String(summary?.flips.real ?? 'none'),
      isGood ? chalk.green('pass') : chalk.red('fail'),
    ];
  });
  const header = ['prompt', 'tokens', 'PCC lowest', 'PCC median', 'KL mean/nat', 'top-1', 'real flips', 'verdict'];
  return [
    `${chalk.bold(variant.name)} · ${variant.device.model} · ${variant.device.label}`,
    chalk.dim(`against ${variant.reference.label}`),
    plainTable(header, rows, 1, chalk),
    '',
  ];
}

function worstLines(run: RunRecord, records: readonly TokenRecord[], { chalk }: TerminalOptions): string[] {
  const worst = worstTokens(records, WORST_SHOWN);
  if (worst.length === 0) return [];
  return [
    chalk.bold(`worst ${countOf(worst.length, 'token')}`),
    ...worst.flatMap((record) => {
      const where = run.variants.length > 1 ? `${record.variant} · ${record.prompt}` : record.prompt;
      const mark = isPassing(record) ? chalk.dim('·') : chalk.red('×');
      return [
        `${mark} ${where} · ${formatPosition(record.position, record.step)} · token ${quoteText(record.text)}`,
        `    ${describeToken(record)}`,
      ];
    }),
    '',
  ];
}

function ruleLines(rules: readonly RuleResult[], chalk: ChalkInstance): string[] {
  const colours = { pass: chalk.green, fail: chalk.red, invalid: chalk.red, notTriggered: chalk.yellow } as const;
  const rows = rules.map((rule) => [
    rule.id,
    rule.scope,
    rule.origin,
    formatValue(rule.observed),
    `${rule.op} ${formatValue(rule.threshold)}`,
    ruleHeadroom(rule),
    String(rule.failures),
    colours[rule.status](rule.status === 'notTriggered' ? 'not triggered' : rule.status),
  ]);
  return [
    plainTable(['rule', 'scope', 'origin', 'observed', 'limit', 'headroom', 'broken', 'verdict'], rows, 3, chalk),
    '',
  ];
}

function verdictLines(run: RunRecord, records: readonly TokenRecord[], { chalk, folder }: TerminalOptions): string[] {
  const colour = run.verdict.status === 'pass' ? chalk.green : chalk.red;
  const prompts = run.variants.flatMap((variant) =>
    variant.prompts.map((prompt) => {
      const own = records.filter((record) => record.variant === variant.name && record.prompt === prompt.name);
      return own.every(isPassing) && prompt.tokensJudged === prompt.tokensPlanned;
    }),
  );
  const passed = prompts.filter(Boolean).length;
  const skipped = run.coverage.skipped.map(({ reason, count }) => `${countOf(count, 'token')} skipped: ${reason}`);
  return [
    ...skipped,
    `${countOf(run.coverage.tokensJudged, 'token')} judged of ${run.coverage.tokensPlanned} planned in ${formatDuration(run.durationMs)} · PCC semantics ${run.config.pccSemantics} · ${folder}`,
    usageLine(run),
    `${colour.bold(run.verdict.status.toUpperCase())}  ${run.verdict.headline}`,
    countLine(run, passed),
  ];
}

/** What the run took, in the terms of doctor's estimate. */
function usageLine({ usage }: RunRecord): string {
  const { openMs, goldenMs, actualMs, compareMs, peakAnonymousBytes, peakResidentBytes } = usage;
  const times = [
    ['reference', goldenMs],
    ['device', actualMs],
    ['comparison', compareMs],
    ['opening both', openMs.golden + openMs.actual],
  ] as const;
  const shown = times.map(([name, ms]) => `${name} ${formatDuration(ms)}`);
  if (peakAnonymousBytes !== null && peakResidentBytes !== null) {
    shown.push(`memory ${formatBytes(peakAnonymousBytes)}, with mapped files ${formatBytes(peakResidentBytes)}`);
  }
  return shown.join(' · ');
}

/** Rules over whole prompts and runs can break while each token passes, so they are counted beside the prompts. */
function countLine({ coverage, gate, verdict }: RunRecord, promptsPassed: number): string {
  const rulesBroken = gate.rules.filter(({ status }) => status === 'fail' || status === 'invalid').length;
  const failed = coverage.promptsPlanned - promptsPassed + rulesBroken;
  const passed = promptsPassed + gate.rules.filter(({ status }) => status === 'pass').length;
  const counted = `${countOf(coverage.promptsPlanned, 'prompt')} and ${countOf(gate.rules.length, 'rule')}`;
  return `${counted}: ${passed} passed, ${verdict.status === 'pass' ? failed : Math.max(1, failed)} failed`;
}
