// What a verdict says beside its rules: causes that may have nothing to do with arithmetic, in words.
import { describeConstantTails, findConstantTails } from './constant-tails.ts';
import type { TokenGroup } from './evaluate-rule.ts';
import { describePenalisedFlips, findPenalisedFlips } from './penalised-flips.ts';
import { describeSymptoms } from './symptoms.ts';
import type { TokenColumns } from './token-columns.ts';
import { groupByVariant } from './token-groups.ts';

/**
 * @param broken - tokens that break a rule, as indices of the columns.
 * @param prompts - all judged tokens.
 */
export function noticesOf(columns: TokenColumns, broken: Int32Array, prompts: readonly TokenGroup[]): string[] {
  const counts = { broken: broken.length, behind: 0, ahead: 0, filtered: 0 };
  for (const token of broken) {
    const symptom = columns.symptomOf(token);
    if (symptom !== null) counts[symptom]++;
  }
  const symptoms = describeSymptoms(counts);
  const tails = findConstantTails(columns, prompts);
  const variants = Array.from(groupByVariant(prompts).values());
  const penalised = variants.flatMap((groups) => {
    const flips = findPenalisedFlips(columns, groups);
    if (flips === null) return [];
    return [(variants.length === 1 ? '' : `${groups[0]!.key.variant}: `) + describePenalisedFlips(flips)];
  });
  return [
    ...(symptoms === null ? [] : [symptoms]),
    ...(tails === null ? [] : [describeConstantTails(tails)]),
    ...penalised,
  ];
}
