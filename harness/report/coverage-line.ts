// What the verdict rests on, in one line: tokens by phase, what was skipped, rules that judged and rules that could not.
import type { RunRecord } from '../record/run-record.ts';
import { countOf } from './format.ts';

export function coverageLine({ coverage }: Pick<RunRecord, 'coverage'>): string {
  const skipped = coverage.skipped.reduce((sum, { count }) => sum + count, 0);
  const { rulesNeverTriggered, rulesTooFewTokens, rulesNotJudgedHere = [] } = coverage;
  const unjudged = [...rulesNeverTriggered, ...rulesTooFewTokens, ...rulesNotJudgedHere];
  return [
    `coverage: ${countOf(coverage.promptsJudged, 'prompt')} of ${coverage.promptsPlanned}`,
    `prefill ${coverage.prefill}, decode ${coverage.decode}, skipped ${skipped}`,
    `${coverage.rulesEvaluated} of ${countOf(coverage.rulesPlanned, 'rule')} judged`,
    ...(unjudged.length === 0 ? [] : [`without a judgement: ${unjudged.join(', ')}`]),
  ].join(' · ');
}
