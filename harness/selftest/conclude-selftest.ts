// The sum of a self-test: what was missed, one sentence, the exit code; pure.
import { EXIT_CODES } from '../../src/errors.ts';
import type { FaultResult, SelfTestCase, SelfTestRecord } from '../record/selftest-record.ts';

export type SelfTestConclusion = Pick<SelfTestRecord, 'missed' | 'headline' | 'exitCode'>;

/** Whether a fault had to be caught or told, could be judged, and was neither. */
export function isMissed({ expect, outcome }: Pick<FaultResult, 'expect' | 'outcome'>): boolean {
  if (expect === 'caught') return outcome === 'passes' || outcome === 'told';
  return expect === 'told' && outcome === 'passes';
}

export function concludeSelfTest(cases: readonly SelfTestCase[]): SelfTestConclusion {
  const results = cases.flatMap((one) => one.faults.map((fault) => ({ ...fault, place: `${one.name} › ${fault.id}` })));
  const missed = results.filter(isMissed).map(({ place }) => place);
  const bound = results.filter(({ expect }) => expect === 'caught' || expect === 'told');
  const open = bound.filter(({ outcome }) => outcome === 'notJudged');
  const judged = bound.length - open.length;
  const alarms = results.filter(({ expect, outcome }) => expect === 'harmless' && outcome === 'caught');
  // Rules that the reference itself breaks catch everything and mean nothing.
  const impossible = results.filter(({ expect, outcome }) => expect === 'told' && outcome === 'caught');
  const parts = [
    ...(impossible.length === 0
      ? []
      : [
          `the reference's own rows break the rules (${impossible.map(({ place }) => place).join(', ')}): nothing was shown`,
        ]),
    `${judged - missed.length} of ${judged} faults that must be caught were`,
    ...(missed.length === 0 ? [] : [`these pass: ${missed.join(', ')}`]),
    ...(open.length === 0
      ? []
      : [`${open.length} cannot be judged on this case: ${open.map(({ place }) => place).join(', ')}`]),
    ...(alarms.length === 0
      ? []
      : [`false alarm for what is harmless: ${alarms.map(({ place }) => place).join(', ')}`]),
  ];
  const isEmpty = judged === 0;
  return {
    missed,
    headline: isEmpty ? `no fault could be judged; ${parts.join('; ')}` : parts.join('; '),
    exitCode:
      missed.length > 0
        ? EXIT_CODES.accuracyFail
        : impossible.length > 0 || isEmpty
          ? EXIT_CODES.comparisonInvalid
          : EXIT_CODES.pass,
  };
}
