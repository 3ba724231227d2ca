// JUnit XML of a run: one suite for each variant with a case for each prompt, and one suite with the gate's rules.

import type { PromptRecord, RunRecord, VariantRecord } from '../record/run-record.ts';
import type { TokenRecord } from '../record/token-record.ts';
import type { RuleResult } from '../record/verdict.ts';
import { countOf, formatPcc, formatPosition, formatValue, quoteText } from './format.ts';
import { describeToken, isPassing } from './worst-tokens.ts';

const FAILING_TOKENS_SHOWN = 5;

/** @returns the file's text; the same for the same run and records. */
export function junitXml(run: RunRecord, records: readonly TokenRecord[]): string {
  const suites = [...run.variants.map((variant) => variantSuite(variant, records)), gateSuite(run)];
  const total = (key: 'tests' | 'failures' | 'errors'): number => suites.reduce((sum, suite) => sum + suite[key], 0);
  const head = `tests="${total('tests')}" failures="${total('failures')}" errors="${total('errors')}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="qwen-pcc" ${head} time="${(run.durationMs / 1000).toFixed(3)}">`,
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
}

function variantSuite(variant: VariantRecord, records: readonly TokenRecord[]): Suite {
  const cases = variant.prompts.map((prompt) => {
    const own = records.filter((record) => record.variant === variant.name && record.prompt === prompt.name);
    return promptCase(variant, prompt, own);
  });
  const properties = [
    `      <property name="device" value="${escapeXml(variant.device.label)}"/>`,
    `      <property name="reference" value="${escapeXml(variant.reference.label)}"/>`,
    `      <property name="weightsSha256" value="${escapeXml(variant.device.weightsSha256)}"/>`,
  ];
  return suiteOf(variant.name, cases, ['    <properties>', ...properties, '    </properties>']);
}

interface Case {
  readonly xml: string;
  readonly outcome: 'pass' | 'failure' | 'error';
}

function promptCase(variant: VariantRecord, prompt: PromptRecord, records: readonly TokenRecord[]): Case {
  const failing = records.filter((record) => !isPassing(record));
  const missing = prompt.tokensPlanned - prompt.tokensJudged;
  const isInvalid = missing > 0 || failing.some((record) => isInvalidStatus(record.status));
  const outcome = isInvalid ? 'error' : failing.length > 0 ? 'failure' : 'pass';
  const seconds =
    records.reduce((sum, { timing }) => sum + timing.goldenMs + timing.actualMs + timing.compareMs, 0) / 1000;
  const open = `    <testcase classname="${escapeXml(variant.name)}" name="${escapeXml(prompt.name)}" time="${seconds.toFixed(3)}"`;
  const summary = variant.summary.byPrompt[prompt.name];
  const properties = [
    '      <properties>',
    `        <property name="tokens" value="${prompt.tokensJudged}"/>`,
    `        <property name="pccMin" value="${formatPcc(summary?.pcc?.min ?? null)}"/>`,
    `        <property name="klMeanNats" value="${formatValue(summary?.klNats?.mean ?? null)}"/>`,
    `        <property name="top1" value="${formatValue(summary?.top1 ?? null)}"/>`,
    '      </properties>',
  ];
  if (outcome === 'pass') return { outcome, xml: [`${open}>`, ...properties, '    </testcase>'].join('\n') };
  const lines = failing.slice(0, FAILING_TOKENS_SHOWN).map(failureLine);
  if (failing.length > lines.length) lines.push(`… and ${failing.length - lines.length} more in tokens.jsonl`);
  if (missing > 0) lines.push(`${countOf(missing, 'planned token')} not judged`);
  const message = failing.length > 0 ? `${failing.length} of ${countOf(records.length, 'token')} failed` : lines[0]!;
  const element = `      <${outcome} message="${escapeXml(message)}" type="${failing[0]?.status ?? 'notJudged'}">${escapeXml(lines.join('\n'))}</${outcome}>`;
  return { outcome, xml: [`${open}>`, ...properties, element, '    </testcase>'].join('\n') };
}

function isInvalidStatus(status: TokenRecord['status']): boolean {
  return status === 'invalidNonFinite' || status === 'invalidShape' || status === 'contextDiverged';
}

function failureLine(record: TokenRecord): string {
  const where = formatPosition(record.position, record.step);
  return `${where}, token ${quoteText(record.text)}: ${record.status}; ${describeToken(record)}`;
}

function gateSuite(run: RunRecord): Suite {
  return suiteOf('gate', run.gate.rules.map(ruleCase), []);
}

function ruleCase(rule: RuleResult): Case {
  const open = `    <testcase classname="gate" name="${escapeXml(rule.id)}" time="0"`;
  const text = `${rule.metric} ${formatValue(rule.observed)}, wanted ${rule.op} ${formatValue(rule.threshold)} (${rule.scope}, ${rule.phase}; ${rule.failures} of ${rule.judged} broke it)`;
  if (rule.status === 'pass') return { outcome: 'pass', xml: `${open}/>` };
  if (rule.status === 'notTriggered')
    return { outcome: 'pass', xml: `${open}><skipped message="nothing to judge"/></testcase>` };
  const element = rule.status === 'invalid' ? 'error' : 'failure';
  return {
    outcome: element,
    xml: `${open}><${element} message="${escapeXml(text)}" type="${rule.origin}">${escapeXml(rule.reason)}</${element}></testcase>`,
  };
}

function suiteOf(name: string, cases: readonly Case[], head: readonly string[]): Suite {
  const failures = cases.filter((one) => one.outcome === 'failure').length;
  const errors = cases.filter((one) => one.outcome === 'error').length;
  const open = `  <testsuite name="${escapeXml(name)}" tests="${cases.length}" failures="${failures}" errors="${errors}">`;
  const xml = [open, ...head, ...cases.map((one) => one.xml), '  </testsuite>'].join('\n');
  return { xml, tests: cases.length, failures, errors };
}
