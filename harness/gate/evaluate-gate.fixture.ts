// The verdict on records that are all at hand: the streaming gate, fed at once.

import type { GateRule } from '../record/rules.ts';
import type { TokenRecord } from '../record/token-record.ts';
import type { Verdict } from '../record/verdict.ts';
import { createGate } from './gate.ts';
import type { PlannedSequence } from './judged-sequences.ts';

export interface GateInput {
  readonly rules: readonly GateRule[];
  readonly plan: readonly PlannedSequence[];
  /** Of each sequence in rising position. */
  readonly records: Iterable<TokenRecord>;
}

export function evaluateGate({ rules, plan, records }: GateInput): Verdict {
  const gate = createGate(rules);
  for (const record of records) gate.add(record);
  return gate.conclude(plan);
}
