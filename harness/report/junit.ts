// JUnit XML of a run: one suite for each variant of a case with every planned prompt, and one suite with the gate's rules.

import { describeLoosening } from '../gate/allowance-words.ts';
import type { TokenHighlights } from '../gate/token-highlights.ts';
import type { CaseRecord, PromptRecord, RunRecord, VariantRecord } from '../record/run-record.ts';
import { promptLabel, type TokenRecord } from '../record/token-record.ts';
import type { RuleResult } from '../record/verdict.ts';
import { allowanceLines, rulesFileLines } from './allowance-lines.ts';
import { baselineLines } from './baseline-lines.ts';
import { controlLines } from './control-lines.ts';
import { coverageLine } from './coverage-line.ts';
import { determinismLines } from './determinism-lines.ts';
import { countOf, formatPcc, formatPosition, formatValue, quoteText } from './format.ts';
import { LENS_FILE, type LensPlace, lensFragment } from './lens-link.ts';
import { ruleStatus } from './terminal.ts';
import { describeToken } from './worst-tokens.ts';

/** @returns the file's text; the same for the same run and records. */
export function junitXml(run: RunRecord, highlights: TokenHighlights): string {
  const suites = [
    ...run.cases.flatMap((one) =>
      one.variants.map((variant) => {
        // A case's name is what people know; its variant only tells several apart.
        const name = one.variants.length > 1 ? `${one.name}.${variant.name}` : one.name;
        return variantSuite(one, variant, name, highlights);
      }),
    ),
    gateSuite(run),
  ];
  const total = (key: 'tests' | 'failures' | 'errors' | 'skipped'): number =>
    suites.reduce((sum, suite) => sum + suite[key], 0);
  const head = `tests="${total('tests')}" failures="${total('failures')}" errors="${total('errors')}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="qwen-pcc" ${head} skipped="${total('skipped')}" time="${((run.durationMs ?? 0) / 1000).toFixed(3)}">`,
    ...suites.map((suite) => suite.xml),
    '</testsuites>',
    '',
  ].join('\n');
}

/** Escapes text for XML 1.0; what XML cannot hold at all becomes a visible \u escape. */
export function escapeXml(text: string): string {
  return (
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those that XML 1.0 forbids.
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, (c) => {
        return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
      })
  );
}

interface Suite {
  readonly xml: string;
  readonly tests: number;
  readonly failures: number;
  readonly errors: number;
  readonly skipped: number;
}

function variantSuite(one: CaseRecord, variant: VariantRecord, name: string, highlights: TokenHighlights): Suite {
  const cases = variant.prompts.map((prompt) => promptCase(one, variant, prompt, name, highlights));
  const properties = [
    `      <property name="device" value="${escapeXml(variant.source?.label ?? variant.name)}"/>`,
    `      <property name="reference" value="${escapeXml(one.reference?.label ?? one.model)}"/>`,
    `      <property name="weightsSha256" value="${escapeXml(variant.source?.weightsSha256 ?? '')}"/>`,
    ...variant.notes.map((note) => `      <property name="note" value="${escapeXml(note)}"/>`),
  ];
  return suiteOf(name, cases, ['    <properties>', ...properties, '    </properties>']);
}

interface Case {
  readonly xml: string;
  readonly outcome: 'pass' | 'failure' | 'error' | 'skipped';
}

const OUTCOMES = { pass: 'pass', fail: 'failure', invalid: 'error', notRun: 'skipped', unstable: 'error' } as const;

function promptCase(
  one: CaseRecord,
  variant: VariantRecord,
  prompt: PromptRecord,
  suite: string,
  highlights: TokenHighlights,
): Case {
  const key = { case: one.name, variant: variant.name, prompt: prompt.name, user: prompt.user };
  const { firstFailing } = highlights.ofSequence(key);
  const missing = prompt.tokensPlanned - prompt.tokensJudged;
  const outcome = OUTCOMES[prompt.outcome];
  const open = `    <testcase classname="${escapeXml(suite)}" name="${escapeXml(promptLabel(key))}" time="${(prompt.ms / 1000).toFixed(3)}"`;
  const { summary } = prompt;
  const properties = [
    '      <properties>',
    `        <property name="tokens" value="${prompt.tokensJudged}"/>`,
    `        <property name="tokensPlanned" value="${prompt.tokensPlanned}"/>`,
    ...(prompt.tokensExpected === undefined
      ? []
      : [`        <property name="expectedFailures" value="${prompt.tokensExpected}"/>`]),
    `        <property name="pccMin" value="${formatPcc(summary?.pcc?.min ?? null)}"/>`,
    `        <property name="klMeanNats" value="${formatValue(summary?.klNats?.mean ?? null)}"/>`,
    `        <property name="top1" value="${formatValue(summary?.top1 ?? null)}"/>`,
    ...(prompt.tokensJudged === 0
      ? []
      : [`        <property name="lens" value="${escapeXml(lensOf(firstFailing[0] ?? key))}"/>`]),
    '      </properties>',
  ];
  if (outcome === 'pass') return { outcome, xml: [`${open}>`, ...properties, '    </testcase>'].join('\n') };
  if (outcome === 'skipped') {
    const skipped = `      <skipped message="${escapeXml(firstLine(prompt.cause ?? 'not run'))}"/>`;
    return { outcome, xml: [`${open}>`, ...properties, skipped, '    </testcase>'].join('\n') };
  }
  if (prompt.outcome === 'unstable') {
    const words = `${countOf(prompt.tokensUnstable ?? 0, 'token')} within the measured spread of a limit: the device may say either`;
    const error = `      <error message="${escapeXml(words)}" type="unstable"/>`;
    return { outcome, xml: [`${open}>`, ...properties, error, '    </testcase>'].join('\n') };
  }
  const lines = firstFailing.map(failureLine);
  if (prompt.tokensFailed > lines.length) lines.push(`… and ${prompt.tokensFailed - lines.length} more in run.jsonl`);
  if (prompt.cause !== null) lines.push(prompt.cause);
  if (missing > 0) lines.push(`${countOf(missing, 'planned token')} not judged`);
  const message =
    prompt.cause !== null
      ? firstLine(prompt.cause)
      : `${prompt.tokensFailed} of ${countOf(prompt.tokensJudged, 'token')} failed`;
  const element = `      <${outcome} message="${escapeXml(message)}" type="${firstFailing[0]?.status ?? 'notJudged'}">${escapeXml(lines.join('\n'))}</${outcome}>`;
  return { outcome, xml: [`${open}>`, ...properties, element, '    </testcase>'].join('\n') };
}

/** Where the prompt, or its first failing token, is in report.html. */
function lensOf(place: LensPlace): string {
  return `${LENS_FILE}${lensFragment(place)}`;
}

function firstLine(text: string): string {
  return text.split('\n')[0]!;
}

function failureLine(record: TokenRecord): string {
  const where = formatPosition(record.position, record.step);
  return `${where}, token ${quoteText(record.text)}: ${record.status}; ${describeToken(record)}`;
}

function gateSuite(run: RunRecord): Suite {
  const properties = [
    `      <property name="verdict" value="${escapeXml(`${run.verdict.status}: ${run.verdict.headline}`)}"/>`,
    `      <property name="coverage" value="${escapeXml(coverageLine(run))}"/>`,
    ...controlLines(run).map((line) => `      <property name="controls" value="${escapeXml(line)}"/>`),
    ...rulesFileLines(run).map((line) => `      <property name="rulesFile" value="${escapeXml(line)}"/>`),
    ...allowanceLines(run).map((line) => `      <property name="allowed" value="${escapeXml(line)}"/>`),
    ...determinismLines(run.determinism).map(
      (line) => `      <property name="determinism" value="${escapeXml(line)}"/>`,
    ),
    ...(run.baseline === undefined ? [] : baselineLines(run.baseline)).map(
      (line) => `      <property name="baseline" value="${escapeXml(line.trim())}"/>`,
    ),
  ];
  return suiteOf('gate', run.gate.rules.map(ruleCase), ['    <properties>', ...properties, '    </properties>']);
}

function ruleCase(rule: RuleResult): Case {
  const open = `    <testcase classname="gate" name="${escapeXml(rule.id)}" time="0"`;
  const text = `${rule.metric} ${formatValue(rule.observed)}, wanted ${rule.op} ${formatValue(rule.threshold)} (${rule.scope}, ${rule.phase}; ${rule.failures} of ${rule.judged} broke it${rule.status === 'unstable' ? `, ${ruleStatus(rule)}` : ''})`;
  if (rule.status === 'pass') return { outcome: 'pass', xml: `${open}/>` };
  if (rule.status === 'notTriggered' || rule.status === 'tooFewTokens' || rule.status === 'notJudgedHere')
    return { outcome: 'skipped', xml: `${open}><skipped message="${escapeXml(ruleStatus(rule))}"/></testcase>` };
  const element = rule.status === 'fail' ? 'failure' : 'error';
  const over = rule.loosening?.isExpired === true ? `; ${describeLoosening(rule)}` : '';
  return {
    outcome: element,
    xml: `${open}><${element} message="${escapeXml(`${text}${over}`)}" type="${rule.origin}">${escapeXml(rule.reason)}</${element}></testcase>`,
  };
}

function suiteOf(name: string, cases: readonly Case[], head: readonly string[]): Suite {
  const failures = cases.filter((one) => one.outcome === 'failure').length;
  const errors = cases.filter((one) => one.outcome === 'error').length;
  const skipped = cases.filter((one) => one.outcome === 'skipped').length;
  const open = `  <testsuite name="${escapeXml(name)}" tests="${cases.length}" failures="${failures}" errors="${errors}" skipped="${skipped}">`;
  const xml = [open, ...head, ...cases.map((one) => one.xml), '  </testsuite>'].join('\n');
  return { xml, tests: cases.length, failures, errors, skipped };
}
