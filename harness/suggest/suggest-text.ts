// Suggested rules for people: the limit, what was measured, what an error costs, and how to take them.
import type { RuleEntry } from '../rules-file/rules-file.ts';
import { DETECT } from './limits.ts';
import type { Suggestions } from './suggest-rules.ts';

export function suggestText({ rules, notes }: Suggestions): string {
  return [
    ...rules.flatMap(ruleLines),
    ...notes.map((note) => `note: ${note}`),
    rules.length === 0
      ? 'no rule is suggested'
      : 'as a rules file: the same command with --json, > qwen-pcc.config.json',
    '',
  ].join('\n');
}

function ruleLines({
  id,
  metric,
  instead,
  threshold,
  sampleMinimum,
  applies,
  reason,
  calibration,
}: RuleEntry): string[] {
  const rates = calibration!.errorRates!;
  const [measured] = calibration!.measured;
  const sign = measured! <= threshold! ? '<=' : '>=';
  const detects = rates.detects === null ? '' : ` at ${rates.detects} is caught in ${percent(1 - rates.beta)}`;
  const needed =
    rates.tokensNeeded === null
      ? `no million tokens tell a device ${DETECT} times as bad`
      : `${rates.tokensNeeded} tokens tell a device ${DETECT} times as bad`;
  return [
    `${id}: ${metric ?? `in the place of ${instead}`} ${sign} ${threshold}${sampleMinimum === undefined ? '' : `, from ${sampleMinimum} tokens on`} · ${applies?.case}, ${applies?.variant}`,
    `    measured ${measured} on ${rates.tokens} tokens, floor ${rates.floor}; ${reason ?? 'looser than the default: fill in who answers for it'}`,
    `    an honest run breaks it in ${percent(rates.alpha)} at most; a device${detects === '' ? ' of no value is caught' : detects}; ${needed}`,
  ];
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}
