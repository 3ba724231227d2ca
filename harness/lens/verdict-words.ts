// What a report says first: the verdict in a sentence, the rules that broke and by how much, what a PCC of that height is worth.
import { describeTelling, neighbourShare } from '../gate/controls.ts';
import type { RunRecord } from '../record/run-record.ts';
import type { RuleResult } from '../record/verdict.ts';
import { countOf, formatShare, formatValue } from '../report/format.ts';

const METRIC_WORDS: Readonly<Record<string, string>> = {
  contextMismatch: 'same context on both sides',
  nonFinite: 'logits that are not finite',
  constant: 'constant logits',
  pcc: 'PCC of a token',
  goldenRankOnActual: "rank of the reference's choice",
  klNats: 'KL of a token (nat)',
  gainDeviation: 'distance of the gain from 1',
  regretNats: "regret of the device's choice (nat)",
  regretMean: 'regret, mean (nat)',
  regretP99: 'regret, 99th percentile (nat)',
  coverage: 'planned tokens judged',
  pccMin: 'lowest PCC',
  pccP1: 'PCC, first percentile',
  pccMedian: 'PCC, median',
  klMean: 'KL, mean (nat)',
  klMedian: 'KL, median (nat)',
  klP99: 'KL, 99th percentile (nat)',
  top1: 'same choice (top-1)',
  top5: "reference's choice in top-5",
  realFlipShare: 'flips that rounding does not explain',
  rankP99: 'rank, 99th percentile',
  variantsWorse: 'variants worse than the baseline',
};

export function metricWords(metric: string): string {
  return METRIC_WORDS[metric] ?? metric;
}

/** "Fail. 622 of 4877 tokens …": no number here that is not in run.json. */
export function verdictSentence(run: RunRecord, failing: number): string {
  const { coverage, gate, verdict } = run;
  const broken = gate.rules.filter(isBroken);
  const tokens = `${number(coverage.tokensJudged)} judged ${coverage.tokensJudged === 1 ? 'token' : 'tokens'}`;
  switch (verdict.status) {
    case 'pass':
      return `All ${tokens} keep ${gate.rules.length === 1 ? 'the rule' : `all ${gate.rules.length} rules`}.`;
    case 'fail':
      return failing === 0
        ? `No single token fails, but ${countOf(broken.length, 'rule')} over many tokens ${broken.length === 1 ? 'is' : 'are'} broken.`
        : `${number(failing)} of ${tokens} fail, and ${broken.length} of ${countOf(gate.rules.length, 'rule')} ${broken.length === 1 ? 'is' : 'are'} broken.`;
    case 'invalid':
      if (gate.rules.some(({ status }) => status === 'unstable') && broken.length === 0 && run.failure === null) {
        return 'No verdict: tokens lie nearer to a limit than the device repeats its own rows.';
      }
      return 'The comparison is invalid: its numbers say nothing about accuracy.';
    case 'error':
      return `The run ended before it could be judged: ${number(coverage.tokensJudged)} of ${number(coverage.tokensPlanned)} tokens were compared.`;
  }
}

export function isBroken({ status }: RuleResult): boolean {
  return status === 'fail' || status === 'invalid';
}

/** As the headline's: a broken hard rule explains what the others only suffer from. */
export function leadingRule(rules: readonly RuleResult[]): RuleResult | undefined {
  const broken = rules.filter((rule) => isBroken(rule) && rule.metric !== 'coverage');
  return broken.find(({ origin }) => origin === 'hard') ?? broken[0];
}

/** Broken first, then by what is left; as the table has them. */
export function rulesInOrder(rules: readonly RuleResult[]): RuleResult[] {
  const rank = (rule: RuleResult): number => (isBroken(rule) ? 0 : rule.status === 'pass' ? 1 : 2);
  return [...rules].sort((a, b) => rank(a) - rank(b));
}

/** By how much a rule is broken or kept: "0.941 below the limit" is for people, per cent of the way for comparison. */
export function distanceWords({ observed, threshold, ideal, op, headroom, status }: RuleResult): string {
  if (observed === null || headroom === null) return '';
  if (threshold === ideal)
    return status === 'pass' ? 'as it must be' : `${formatValue(observed)} instead of ${formatValue(ideal)}`;
  if (headroom >= 0) return `${Math.round(headroom * 100)} % of the room left`;
  const times = (observed - ideal) / (threshold - ideal);
  const side = op === '>=' ? 'below' : 'above';
  return `${Number(Math.abs(observed - threshold).toPrecision(3))} ${side} the limit, ${Number(times.toPrecision(3))} times what is allowed`;
}

/** What the self-test found to pass the rule alone, where it was tried. */
export function damageWords({ damage }: RuleResult): string {
  return damage === undefined
    ? ''
    : `; alone it lets ${damage.passes.length} of ${countOf(damage.faults, 'fault')} pass`;
}

/** What the PCC limit is worth here, in the words of the headline: rows that belong to another position, and how many of them reach it. */
export function controlSentence({ config, controls }: Pick<RunRecord, 'config' | 'controls'>): string | null {
  const telling = describeTelling(controls, config.pccMinimum);
  if (telling !== null) return `Control: ${telling}.`;
  const share = neighbourShare(controls);
  if (share === null) return null;
  return `Control: ${formatShare(share)} of rows one position off reach PCC ${config.pccMinimum}, which tells positions apart here.`;
}

/** With thin spaces between thousands from five digits on. */
function number(value: number): string {
  return value < 10_000 ? String(value) : String(value).replaceAll(/\B(?=(\d{3})+$)/g, '\u2009');
}
