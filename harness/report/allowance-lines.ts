// What the rules file allows for a time and where it is, a line each, as every report shows them.
import { describeExpected, describeLoosening } from '../gate/allowance-words.ts';
import type { RunRecord } from '../record/run-record.ts';

type Judged = Pick<RunRecord, 'gate' | 'config' | 'coverage'>;

/** Loosened rules and expected failures; none where nothing is allowed. To be shown in red. */
export function allowanceLines({ gate, config, coverage }: Judged): string[] {
  const isWhole = config.part === null && coverage.tokensJudged === coverage.tokensPlanned;
  return [
    ...gate.rules.flatMap((rule) => describeLoosening(rule) ?? []),
    ...(gate.expected ?? []).map((one) => describeExpected(one, isWhole)),
  ];
}

/** Where what the command does not say comes from; none without a file. */
export function rulesFileLines({ config: { rulesFile } }: Pick<RunRecord, 'config'>): string[] {
  if (rulesFile === undefined) return [];
  return [`rules: what the command does not say is from ${rulesFile.name}, sha256 ${rulesFile.sha256.slice(0, 12)}`];
}
