// Laws of the gate: order changes nothing, asking changes nothing, a sequence changes its own numbers only.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TokenRecord } from '../record/token-record.ts';
import { createGate, type Gate } from './gate.ts';
import type { PlannedSequence } from './judged-sequences.ts';
import { recordExample } from './record.fixture.ts';
import { defaultRules } from './thresholds.ts';

/** Samples of one, so that every rule judges these few tokens. */
const rules = defaultRules({ pccMinimum: 0.79 }).map((rule) =>
  rule.scope === 'token' ? rule : { ...rule, sampleMinimum: 1 },
);

const numbers = fc.record({
  pcc: fc.option(fc.double({ min: 0.7, max: 1, noNaN: true }), { nil: null }),
  klNats: fc.double({ min: 0, max: 1, noNaN: true }),
  rank: fc.integer({ min: 1, max: 40 }),
  flip: fc.constantFrom('none', 'tie', 'nearTie', 'real'),
  gain: fc.double({ min: 0.9, max: 1.1, noNaN: true }),
  logRatio: fc.double({ min: -2, max: 2, noNaN: true }),
  phase: fc.constantFrom('prefill', 'firstDecode', 'decode'),
} as const);

/** Sequences of two cases, variants, prompts and users, each with a few tokens. */
const sequences = fc.uniqueArray(
  fc.record({
    key: fc.record({
      case: fc.constantFrom('a', 'b'),
      variant: fc.constantFrom('v', 'w'),
      prompt: fc.constantFrom('p', 'q'),
      user: fc.integer({ min: 0, max: 2 }),
    }),
    tokens: fc.array(numbers, { minLength: 1, maxLength: 6 }),
  }),
  { minLength: 1, maxLength: 8, selector: ({ key }) => JSON.stringify(key) },
);

function gateOf(records: Iterable<TokenRecord>): Gate {
  const gate = createGate(rules);
  for (const record of records) gate.add(record);
  return gate;
}

function readingsOf(gate: Gate, plan: readonly PlannedSequence[]) {
  return {
    verdict: gate.conclude(plan),
    all: gate.summarizeAll(),
    phases: gate.summarizePhases(),
    ofOneUser: gate.summarizePhases(({ user }) => user === 1),
    variant: gate.summarizeVariant('a', 'v'),
    each: plan.map((key) => gate.summarizeSequence(key)),
    controls: gate.controls(0.79),
  };
}

describe('the gate', () => {
  it('says the same in whatever order sequences come, one after the other or interleaved', () => {
    fc.assert(
      fc.property(sequences, fc.infiniteStream(fc.nat()), (given, choices) => {
        const plan = given.map(({ key, tokens }) => ({ ...key, tokens: tokens.length, end: tokens.length }));
        const queues = given.map(({ key, tokens }) =>
          tokens.map((token, position) => recordExample({ ...key, position }, token)),
        );
        const inOrder = readingsOf(gateOf(queues.flat()), plan);

        const waiting = queues.map((queue) => [...queue]);
        const shuffled: TokenRecord[] = [];
        while (shuffled.length < queues.flat().length) {
          const open = waiting.filter((queue) => queue.length > 0);
          shuffled.push(open[choices.next().value! % open.length]!.shift()!);
        }
        expect(readingsOf(gateOf(shuffled), plan)).toEqual(inOrder);
      }),
      { numRuns: 200 },
    );
  });

  it('changes nothing by being asked', () => {
    fc.assert(
      fc.property(sequences, (given) => {
        const plan = given.map(({ key, tokens }) => ({ ...key, tokens: tokens.length, end: tokens.length }));
        const records = given.flatMap(({ key, tokens }) =>
          tokens.map((token, position) => recordExample({ ...key, position }, token)),
        );
        const asked = createGate(rules);
        for (const record of records) {
          asked.add(record);
          readingsOf(asked, plan);
        }
        expect(readingsOf(asked, plan)).toEqual(readingsOf(gateOf(records), plan));
      }),
      { numRuns: 50 },
    );
  });

  it('changes nothing of the other sequences’ numbers when one sequence changes', () => {
    fc.assert(
      fc.property(sequences, numbers, (given, other) => {
        const recordsOf = (change: boolean): TokenRecord[] =>
          given.flatMap(({ key, tokens }, place) =>
            tokens.map((token, position) => recordExample({ ...key, position }, change && place === 0 ? other : token)),
          );
        const [before, after] = [gateOf(recordsOf(false)), gateOf(recordsOf(true))];
        for (const { key } of given.slice(1)) {
          expect(after.summarizeSequence(key)).toEqual(before.summarizeSequence(key));
        }
      }),
      { numRuns: 50 },
    );
  });
});
