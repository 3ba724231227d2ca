// One sentence on why a token is not a plain pass, from its metrics and the rule that it broke.

import type { RowChoice, TopToken } from '../record/row-metrics.ts';
import type { GateRule, TokenMetric } from '../record/rules.ts';
import { describeSymptom } from './symptoms.ts';
import type { TokenFacts } from './token-metrics.ts';
import { tokenMetricValue } from './token-metrics.ts';

export interface WhyContext {
  /** Format of the device's logits, to name the ULP. */
  readonly logitsFormat: string;
  /** Text of a token id, quoted in the sentence; without it the id stands there. */
  readonly textOf?: (id: number) => string;
}

/**
 * The sentence of a token record's `reason`.
 *
 * @param facts - what was measured.
 * @param rule - the first rule that the token broke; null for a pass, which has a reason only if it flipped.
 */
export function explainToken(facts: TokenFacts, rule: GateRule | null, context: WhyContext): string | null {
  if (rule === null)
    return facts.choice === null || facts.choice.flip === 'none' ? null : explainFlip(facts.choice, context);
  if (rule.scope !== 'token') return null;
  const parts = [EXPLANATIONS[rule.metric](facts, rule, context), describeSymptom(facts)];
  return parts.filter((part) => part !== null).join('; ');
}

type Explanation = (facts: TokenFacts, rule: GateRule, context: WhyContext) => string;

const EXPLANATIONS: Readonly<Record<TokenMetric, Explanation>> = {
  contextMismatch: ({ inputToken, inputPosition }) => {
    if (inputPosition.golden !== inputPosition.actual) {
      return `the reference was at position ${inputPosition.golden}, the device at ${inputPosition.actual}: not comparable`;
    }
    if (inputToken.golden !== inputToken.actual) {
      return `the reference consumed token ${inputToken.golden}, the device ${inputToken.actual}: not comparable`;
    }
    return 'an earlier token or position differed between the sides: not comparable';
  },
  nonFinite: (facts) => explainNonFinite(facts),
  constant: ({ hygiene }) => {
    if (hygiene.constantRow.actual)
      return `all ${hygiene.vocabSize} of the device's logits are equal: no correlation exists`;
    if (hygiene.constantRow.golden) return "all of the reference's logits are equal: no correlation exists";
    const [block] = hygiene.constantBlocks;
    const more = hygiene.constantBlocks.length > 1 ? ` and ${hygiene.constantBlocks.length - 1} more blocks` : '';
    return block === undefined
      ? 'a block of logits is constant'
      : `the device's logits ${block.from} to ${block.to - 1} are all ${formatNumber(block.value)}${more}`;
  },
  pcc: (facts, rule) => {
    const { pcc } = facts.pccJudgement;
    const moments = facts.moments === null ? '' : `: ${explainMoments(facts.moments)}`;
    return pcc === null
      ? `PCC does not exist (${facts.pccJudgement.semantics}: ${facts.pccJudgement.outcome})`
      : `PCC ${formatNumber(pcc)} < ${formatNumber(rule.threshold)}${moments}`;
  },
  goldenRankOnActual: ({ choice }, rule, context) =>
    choice === null
      ? 'the choice could not be compared'
      : `golden's token ${nameToken(choice.top1.golden, context)} ranks ${choice.goldenRankOnActual} on the device, allowed ${rule.threshold}; ${explainFlip(choice, context)}`,
  klNats: (facts, rule, context) => {
    const flip = facts.choice === null || facts.choice.flip === 'none' ? '' : `; ${explainFlip(facts.choice, context)}`;
    return `KL ${formatNumber(tokenMetricValue(facts, 'klNats') ?? Number.NaN)} nat > ${formatNumber(rule.threshold)}${flip}`;
  },
  gainDeviation: ({ moments }, rule) =>
    `gain ${formatNumber(moments?.gain ?? Number.NaN)} is further than ${formatNumber(rule.threshold)} from 1: the device's logits are ${
      (moments?.gain ?? 1) < 1 ? 'flatter' : 'steeper'
    } than the reference's`,
  regretNats: (facts, rule, context) =>
    `regret ${formatNumber(tokenMetricValue(facts, 'regretNats') ?? Number.NaN)} nat > ${formatNumber(rule.threshold)}${
      facts.choice === null ? '' : `; ${explainFlip(facts.choice, context)}`
    }`,
};

function explainNonFinite({ hygiene }: TokenFacts): string {
  const { nan, positiveInfinity, negativeInfinity, maskedPairs, vocabSize } = hygiene;
  const parts: string[] = [];
  for (const side of ['golden', 'actual'] as const) {
    const owner = side === 'golden' ? "the reference's" : "the device's";
    if (nan[side] > 0) parts.push(`${percent(nan[side], vocabSize)} of ${owner} logits are NaN`);
    if (positiveInfinity[side] > 0) parts.push(`${positiveInfinity[side]} of ${owner} logits are +Infinity`);
    const lone = negativeInfinity[side] - maskedPairs;
    if (lone > 0) parts.push(`${lone} of ${owner} logits are -Infinity where the other side is not`);
  }
  return parts.join('; ');
}

function explainFlip(choice: RowChoice, context: WhyContext): string {
  const [golden, actual] = [findTop(choice, choice.top1.golden), findTop(choice, choice.top1.actual)];
  if (golden === undefined || actual === undefined) return 'no candidates';
  if (choice.flip === 'none') {
    return `no flip, margin ${formatNumber(choice.margin.golden)} = ${formatUlps(choice, context)}`;
  }
  const kind = { tie: 'tie', nearTie: 'near tie', real: 'flip' }[choice.flip];
  return (
    `${kind}: golden ${nameToken(golden.id, context)} ${formatNumber(golden.logit.golden)} vs device ${nameToken(actual.id, context)} ${formatNumber(actual.logit.actual)}; ` +
    `golden's margin ${formatNumber(golden.logit.golden - actual.logit.golden)} = ${formatUlps(choice, context)}`
  );
}

function findTop({ top }: RowChoice, wanted: number): TopToken | undefined {
  return top.find(({ id }) => id === wanted);
}

function explainMoments(moments: NonNullable<TokenFacts['moments']>): string {
  const { gain, residualSd, sd, maxAbs, maxAbsIndex } = moments;
  if (gain === null || residualSd === null)
    return `max error ${formatNumber(maxAbs)} at vocabulary entry ${maxAbsIndex}`;
  return `gain ${formatNumber(gain)}, residual ${formatNumber(residualSd / sd.golden)} of the signal's sd, max error ${formatNumber(maxAbs)} at vocabulary entry ${maxAbsIndex}`;
}

function nameToken(id: number, { textOf }: WhyContext): string {
  return textOf === undefined ? `token ${id}` : JSON.stringify(textOf(id));
}

function formatUlps(choice: RowChoice, { logitsFormat }: WhyContext): string {
  return `${formatNumber(choice.marginUlps)} ULP of ${logitsFormat}`;
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

/** Four significant digits, six near 1 so that correlations differ in print. */
function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = Math.abs(value) > 0.99 && Math.abs(value) < 1 ? 6 : 4;
  return String(Number(value.toPrecision(digits)));
}
