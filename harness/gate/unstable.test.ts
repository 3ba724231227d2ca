// Tokens within the spread of a limit: neither kept nor broken, and no pass; what is beyond it fails as ever; no spread changes nothing.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_SPREAD, type Spread } from '../record/repeat.ts';
import type { GateRule } from '../record/rules.ts';
import type { Verdict } from '../record/verdict.ts';
import { createGate } from './gate.ts';
import { recordExample } from './record.fixture.ts';

const RULE: GateRule = {
  ...{ id: 'pcc-minimum', scope: 'token', phase: 'all', metric: 'pcc', op: '>=', threshold: 0.9, ideal: 1 },
  ...{ origin: 'manual', reason: 'a test', onBreak: 'fail' },
};
const FINITE: GateRule = {
  ...{ id: 'finite', scope: 'token', phase: 'all', metric: 'nonFinite', op: '<=', threshold: 0, ideal: 0 },
  ...{ origin: 'hard', reason: 'a test', onBreak: 'invalid' },
};

function conclude(pccs: readonly number[], spread: Spread | undefined, rules: readonly GateRule[] = [RULE]): Verdict {
  const gate = createGate(rules);
  for (const [position, pcc] of pccs.entries()) gate.add(recordExample({ position }, { pcc }));
  const plan = [{ case: 'c', variant: 'v', prompt: 'p', user: 0, tokens: pccs.length, end: pccs.length }];
  return gate.conclude(plan, false, spread === undefined ? {} : { spreadOf: () => spread });
}

const pccSpread = (pcc: number): Spread => ({ ...NO_SPREAD, pcc });

describe('a spread', () => {
  it('of nothing, or of none, leaves every verdict as it is', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.5, max: 1, noNaN: true }), { minLength: 1, maxLength: 9 }), (pccs) => {
        const plain = conclude(pccs, undefined);
        const rules = plain.rules.map((rule) => ({ ...rule, unstable: 0 }));
        expect(conclude(pccs, NO_SPREAD)).toEqual({ ...plain, rules });
      }),
      { numRuns: 100, seed: 3 },
    );
  });

  it('takes exactly the tokens that are no further from the limit than it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.8, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }),
        fc.double({ min: 0.001, max: 0.1, noNaN: true }),
        (pccs, spread) => {
          const within = pccs.filter((pcc) => Math.abs(pcc - 0.9) <= spread);
          const beyond = pccs.filter((pcc) => !within.includes(pcc));
          const { status, rules } = conclude(pccs, pccSpread(spread));
          const failures = beyond.filter((pcc) => pcc < 0.9).length;
          expect(rules[0]).toMatchObject({ unstable: within.length, judged: beyond.length, failures });
          expect(status).toBe(failures > 0 ? 'fail' : within.length > 0 ? 'invalid' : 'pass');
        },
      ),
      { numRuns: 200, seed: 4 },
    );
  });

  it('that is infinite leaves nothing to pass', () => {
    const { status, headline } = conclude([0.99, 0.95], pccSpread(Number.POSITIVE_INFINITY));
    expect(status).toBe('invalid');
    expect(headline).toMatch(
      /^comparison invalid: unstable within the measured spread of the device: pcc-minimum at 2 tokens/,
    );
  });

  it('excuses no hard rule', () => {
    const gate = createGate([FINITE, RULE]);
    const record = recordExample({ position: 0 });
    gate.add({ ...record, hygiene: { ...record.hygiene, nan: { golden: 0, actual: 1 } } });
    const plan = [{ case: 'c', variant: 'v', prompt: 'p', user: 0, tokens: 1, end: 1 }];
    const { status, failingRules } = gate.conclude(plan, false, { spreadOf: () => pccSpread(1) });
    expect({ status, failingRules }).toMatchObject({
      status: 'invalid',
      failingRules: expect.arrayContaining(['finite']),
    });
  });

  it('of one variant is not that of another', () => {
    const gate = createGate([RULE]);
    gate.add(recordExample({ variant: 'v' }, { pcc: 0.91 }));
    gate.add(recordExample({ variant: 'w' }, { pcc: 0.91 }));
    const spreadOf = ({ variant }: { variant: string }) => (variant === 'v' ? pccSpread(0.05) : undefined);
    expect(gate.countUnstable(({ variant }) => variant === 'v', spreadOf)).toEqual({ tokens: 1, failed: 0 });
    expect(gate.countUnstable(({ variant }) => variant === 'w', spreadOf)).toEqual({ tokens: 0, failed: 0 });
  });
});
