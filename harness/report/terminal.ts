// The closing summary of a run in the terminal: prompts, worst tokens, rules, coverage, run folder, verdict, what to do next.
import type { ChalkInstance } from 'chalk';
import { isPassing, type TokenHighlights } from '../gate/token-highlights.ts';
import type { CaseRecord, PromptRecord, RunRecord, VariantRecord } from '../record/run-record.ts';
import type { RunUsage } from '../record/run-usage.ts';
import { promptLabel } from '../record/token-record.ts';
import type { RuleResult } from '../record/verdict.ts';
import { allowanceLines, rulesFileLines } from './allowance-lines.ts';
import { baselineLines, updateHint } from './baseline-lines.ts';
import { controlLines } from './control-lines.ts';
import { coverageLine } from './coverage-line.ts';
import { determinismLines } from './determinism-lines.ts';
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
import { inspectCommandOf } from './inspect-hint.ts';
import { LADDER_HEADER, ladderRows, ladderWords } from './ladder-lines.ts';
import { LENS_FILE, lensFragment } from './lens-link.ts';
import { plainTable } from './plain-table.ts';
import { describeToken } from './worst-tokens.ts';

const WORST_SHOWN = 5;
/** More prompts than fit on a few screens are in summary.md and run.json. */
const PROMPTS_SHOWN = 100;

export interface TerminalOptions {
  readonly chalk: ChalkInstance;
  /** Path of the run folder as the user can type it. */
  readonly folder: string;
}

/** @returns the summary as lines; the last one is for machines: `… N passed, N failed` over prompts and rules. */
export function terminalSummary(run: RunRecord, highlights: TokenHighlights, options: TerminalOptions): string {
  const { chalk } = options;
  const lines = [
    ...run.cases.flatMap((one) => one.variants.flatMap((variant) => variantLines(one, variant, chalk))),
    ...worstLines(run, highlights, options),
    ...ruleLines(run.gate.rules, chalk),
    ...verdictLines(run, options),
    ...nextLines(run, highlights, options),
    countLine(run),
  ];
  return `${lines.join('\n')}\n`;
}

function variantLines(one: CaseRecord, variant: VariantRecord, chalk: ChalkInstance): string[] {
  const rows = variant.prompts.slice(0, PROMPTS_SHOWN).map((prompt) => promptRow(prompt, chalk));
  const more = variant.prompts.length - rows.length;
  const header = ['prompt', 'tokens', 'PCC lowest', 'PCC median', 'KL mean/nat', 'top-1', 'real flips', 'tokens say'];
  return [
    `${chalk.bold(one.name)} · ${variant.source?.model ?? one.model} · ${variant.source?.label ?? variant.name}`,
    chalk.dim(`against ${one.reference?.label ?? one.model}`),
    ...variant.notes.map((note) => chalk.yellow(`note: ${note}`)),
    plainTable(header, rows, 1, chalk),
    ...(more > 0 ? [`and ${countOf(more, 'prompt')} more in summary.md`] : []),
    ...ladderLines(variant, chalk),
    '',
  ];
}

function ladderLines({ ladder }: VariantRecord, chalk: ChalkInstance): string[] {
  if (ladder === undefined) return [];
  return ['', plainTable([...LADDER_HEADER], ladderRows(ladder), 1, chalk), ...ladderWords(ladder)];
}

function promptRow(prompt: PromptRecord, chalk: ChalkInstance): string[] {
  const { summary } = prompt;
  const divergence = prompt.divergencePosition === null ? '' : ` (parts at position ${prompt.divergencePosition})`;
  const recorded = prompt.tokensNotRecorded > 0 ? ` (${prompt.tokensJudged} recorded)` : '';
  const words = { pass: 'pass', fail: 'fail', invalid: 'invalid', notRun: 'not run', unstable: 'unstable' } as const;
  const colour = prompt.outcome === 'pass' ? chalk.green : chalk.red;
  const isWhole = prompt.stop !== null && prompt.stop !== 'failed';
  const expected = prompt.tokensExpected === undefined ? '' : ` (${prompt.tokensExpected} expected)`;
  return [
    `${promptLabel({ prompt: prompt.name, user: prompt.user })}${divergence}`,
    isWhole
      ? `${prompt.promptLength}+${prompt.newTokens}${recorded}`
      : `${prompt.tokensJudged} of ${prompt.tokensPlanned}`,
    formatPcc(summary?.pcc?.min ?? null),
    formatPcc(summary?.pcc?.p50 ?? null),
    formatSmall(summary?.klNats?.mean ?? null),
    formatShare(summary?.top1 ?? null),
    String(summary?.flips.real ?? 'none'),
    colour(`${isWhole || prompt.outcome === 'notRun' ? words[prompt.outcome] : 'stopped'}${expected}`),
  ];
}

function worstLines(run: RunRecord, highlights: TokenHighlights, { chalk }: TerminalOptions): string[] {
  const worst = highlights.worst.slice(0, WORST_SHOWN);
  if (worst.length === 0) return [];
  const hasCases = run.cases.length > 1;
  const hasVariants = run.cases.some(({ variants }) => variants.length > 1);
  return [
    chalk.bold(`worst ${countOf(worst.length, 'token')}`),
    ...worst.flatMap((record) => {
      const where = [...(hasCases ? [record.case] : []), ...(hasVariants ? [record.variant] : []), promptLabel(record)];
      const mark = isPassing(record) ? chalk.dim('·') : chalk.red('×');
      return [
        `${mark} ${where.join(' · ')} · ${formatPosition(record.position, record.step)} · token ${quoteText(record.text)}`,
        `    ${describeToken(record)}`,
      ];
    }),
    '',
  ];
}

function ruleLines(rules: readonly RuleResult[], chalk: ChalkInstance): string[] {
  const colours = {
    pass: chalk.green,
    fail: chalk.red,
    invalid: chalk.red,
    notTriggered: chalk.yellow,
    tooFewTokens: chalk.yellow,
    notJudgedHere: chalk.yellow,
    unstable: chalk.red,
  } as const;
  const rows = rules.map((rule) => [
    rule.id,
    rule.scope,
    rule.origin,
    formatValue(rule.observed),
    `${rule.op} ${formatValue(rule.threshold)}`,
    ruleHeadroom(rule),
    brokenCount(rule),
    (rule.loosening === undefined ? colours[rule.status] : chalk.red)(ruleStatus(rule)),
  ]);
  return [
    plainTable(['rule', 'scope', 'origin', 'observed', 'limit', 'headroom', 'broken', 'verdict'], rows, 3, chalk),
    '',
  ];
}

/** A rule's fate in words; too small a sample comes with its numbers, a loosened rule with its last day. */
export function ruleStatus(rule: RuleResult): string {
  return rule.loosening === undefined ? fateOf(rule) : `${fateOf(rule)}, loosened until ${rule.loosening.expires}`;
}

function fateOf(rule: RuleResult): string {
  if (rule.status === 'notTriggered') return 'not triggered';
  if (rule.status === 'notJudgedHere') return 'not judged here';
  if (rule.status === 'unstable') return `unstable at ${countOf(rule.unstable ?? 0, 'token')}`;
  if (rule.status !== 'tooFewTokens') return rule.status;
  const needed = rule.scope === 'token' ? 1 : rule.sampleMinimum;
  return `too few tokens (${rule.largestTooFew ?? 0} of at least ${needed})`;
}

/** How many broke it, and how many more where that is expected. */
export function brokenCount({ failures, expected }: Pick<RuleResult, 'failures' | 'expected'>): string {
  return expected === undefined ? String(failures) : `${failures} (+${expected} expected)`;
}

function verdictLines(run: RunRecord, { chalk, folder }: TerminalOptions): string[] {
  const colour = run.verdict.status === 'pass' ? chalk.green : chalk.red;
  const skipped = run.coverage.skipped.map(({ reason, count }) => `${countOf(count, 'token')} skipped: ${reason}`);
  const time = run.durationMs === null ? '' : ` in ${formatDuration(run.durationMs)}`;
  return [
    ...skipped,
    coverageLine(run),
    ...controlLines(run),
    ...rulesFileLines(run),
    ...allowanceLines(run).map((line) => chalk.red(line)),
    ...(run.baseline === undefined ? [] : baselineLines(run.baseline)),
    ...determinismLines(run.determinism),
    `${countOf(run.coverage.tokensJudged, 'token')} judged of ${run.coverage.tokensPlanned} planned${time} · PCC semantics ${run.config.pccSemantics} · ${folder}`,
    ...usageLines(run),
    `${colour.bold(run.verdict.status.toUpperCase())}  ${run.verdict.headline}`,
  ];
}

/** What the run took, in the terms of doctor's estimate. */
function usageLines({ usage }: RunRecord): string[] {
  if (usage === null) return [];
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
  return [shown.join(' · '), ...goldenCacheLines(usage)];
}

/** Rows of the reference that nobody made this time are said, as is a cache that could not be written. */
function goldenCacheLines({ goldenCache }: RunUsage): string[] {
  if (goldenCache === undefined) return [];
  const { rowsRead, rowsMade, problem } = goldenCache;
  return [`golden cache: ${countOf(rowsRead, 'row')} read, ${rowsMade} made${problem === null ? '' : `; ${problem}`}`];
}

/** What a person would type next. */
function nextLines(run: RunRecord, highlights: TokenHighlights, { chalk, folder }: TerminalOptions): string[] {
  const { failure, verdict } = run;
  if (failure?.code === 'INTERRUPTED' || failure?.code === 'RUN_UNFINISHED') {
    return [`${chalk.bold('next')}  go on with: qwen-pcc validate --resume ${folder}`];
  }
  const first = verdict.firstFailure ?? highlights.worst[0];
  const report = `${folder}/${LENS_FILE}`;
  if (verdict.status === 'pass' || first === undefined) {
    const better = verdict.status === 'pass' ? updateHint(run.baseline, folder) : null;
    return [`${chalk.bold('lens')}  ${report}`, ...(better === null ? [] : [`${chalk.bold('next')}  ${better}`])];
  }
  return [
    `${chalk.bold('lens')}  ${report}${lensFragment(first)}`,
    `${chalk.bold('next')}  ${inspectCommandOf(run, first, folder)}`,
  ];
}

/** Rules over whole prompts and runs can break while each token passes, so they are counted beside the prompts. */
function countLine({ coverage, gate, verdict, cases }: RunRecord): string {
  const prompts = cases.flatMap(({ variants }) => variants.flatMap((variant) => variant.prompts));
  const promptsPassed = prompts.filter(({ outcome }) => outcome === 'pass').length;
  const rulesBroken = gate.rules.filter(
    ({ status }) => status === 'fail' || status === 'invalid' || status === 'unstable',
  ).length;
  const notRun = prompts.filter(({ outcome }) => outcome === 'notRun').length;
  const failed = coverage.promptsPlanned - promptsPassed - notRun + rulesBroken;
  const passed = promptsPassed + gate.rules.filter(({ status }) => status === 'pass').length;
  const counted = `${countOf(coverage.promptsPlanned, 'prompt')} and ${countOf(gate.rules.length, 'rule')}`;
  const rest = notRun > 0 ? `, ${notRun} not run` : '';
  return `${counted}: ${passed} passed, ${verdict.status === 'pass' ? failed : Math.max(1, failed)} failed${rest}`;
}
