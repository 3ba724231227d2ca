// Laws of comparing runs: a run compared with itself has no change, and two runs exchanged give the comparison's mirror image.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { toyCase } from '../../run/toy-run.fixture.ts';
import { compareRuns } from './compare-runs.ts';
import { type Plant, type Plants, PROMPT_TOKENS, plantedDevice, plantedRun } from './planted-runs.fixture.ts';
import type { DiffToken, GroupDiff, PhasedDiff, RuleChange, RunDiff, Sides } from './run-diff.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-diff-law-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const places = Object.keys(PROMPT_TOKENS).flatMap((prompt) => [0, 1, 2, 3, 4].map((at) => `${prompt}:${at}`));
const plants: fc.Arbitrary<Plants> = fc.dictionary(
  fc.constantFrom(...places),
  fc.constantFrom<Plant>('fail', 'drift', 'near'),
  { maxKeys: places.length },
);

/** A run of some of the prompts, in any order, on one or two variants. */
const runs = fc.record({
  plants,
  prompts: fc.shuffledSubarray(Object.keys(PROMPT_TOKENS), { minLength: 2 }),
  hasSecond: fc.boolean(),
});
type PlantedRun = typeof runs extends fc.Arbitrary<infer T> ? T : never;

async function folderOf({ plants: planted, prompts, hasSecond }: PlantedRun): Promise<string> {
  const one = toyCase('a', { toy: plantedDevice(planted), ...(hasSecond ? { second: plantedDevice({}) } : {}) });
  const ordered = prompts.map((name) => one.spec.prompts.find((prompt) => prompt.name === name)!);
  return plantedRun(scratch, { ...one, spec: { ...one.spec, prompts: ordered } });
}

const swap = <T>({ a, b }: Sides<T>): Sides<T> => ({ a: b, b: a });
const mirroredGroup = (group: GroupDiff): GroupDiff => ({
  ...group,
  changes: { ...group.changes, newlyFails: group.changes.newlyHeals, newlyHeals: group.changes.newlyFails },
  pccLowest: swap(group.pccLowest),
  klMean: swap(group.klMean),
  top1: swap(group.top1),
});
const mirroredPhases = <T extends PhasedDiff>(phased: T): T => ({
  ...phased,
  all: mirroredGroup(phased.all),
  byPhase: Object.fromEntries(Object.entries(phased.byPhase).map(([phase, group]) => [phase, mirroredGroup(group)])),
});
const mirroredToken = (token: DiffToken): DiffToken => ({
  ...token,
  ...swap(token),
  variant: swap(token.variant),
  inspect: swap(token.inspect),
});
const mirroredChange: Partial<Record<RuleChange, RuleChange>> = { newlyBroken: 'newlyKept', newlyKept: 'newlyBroken' };

/** The comparison with its runs exchanged; the exit code is of a direction and has no mirror image. */
function mirrored(diff: RunDiff): RunDiff {
  const { newlyFails, newlyHeals, stillFails, drifted } = diff.tokens;
  return {
    ...diff,
    ...swap(diff),
    differences: diff.differences.map((one) => ({ ...one, ...swap(one) })),
    alone: diff.alone.map((one) => ({ ...one, side: one.side === 'a' ? 'b' : 'a' })),
    total: mirroredPhases(diff.total),
    tokensAlone: swap(diff.tokensAlone),
    prompts: diff.prompts.map((one) => ({
      ...mirroredPhases(one),
      variant: swap(one.variant),
      tokensAlone: swap(one.tokensAlone),
    })),
    tokens: {
      newlyFails: newlyHeals.map(mirroredToken),
      newlyHeals: newlyFails.map(mirroredToken),
      stillFails: stillFails.map(mirroredToken),
      drifted: drifted.map(mirroredToken),
    },
    rules: diff.rules.map((rule) => ({
      ...rule,
      change: mirroredChange[rule.change] ?? rule.change,
      status: swap(rule.status),
      observed: swap(rule.observed),
      limit: swap(rule.limit),
      failures: swap(rule.failures),
    })),
  };
}

/** Lists that stand in the order of run A, in an order of their own. */
function inOneOrder(diff: RunDiff): Omit<RunDiff, 'exitCode'> {
  const byText = <T>(list: readonly T[]): T[] =>
    list.toSorted((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1));
  const { exitCode: _exitCode, ...rest } = diff;
  return { ...rest, prompts: byText(diff.prompts), alone: byText(diff.alone), rules: byText(diff.rules) };
}

describe('comparing runs', () => {
  it('finds no change between a run and itself', async () => {
    await fc.assert(
      fc.asyncProperty(runs, async (run) => {
        const folder = await folderOf(run);
        const { total, tokens, exitCode, differences, alone, tokensAlone } = compareRuns({ a: folder, b: folder });
        const { changes, unchanged } = total.all;
        expect({ exitCode, differences, alone, tokensAlone }).toEqual({
          exitCode: 0,
          differences: [],
          alone: [],
          tokensAlone: { a: 0, b: 0 },
        });
        expect(changes).toMatchObject({ newlyFails: 0, newlyHeals: 0, drifted: 0, near: 0 });
        expect([unchanged, changes.same + changes.stillFails]).toEqual([total.all.tokens, total.all.tokens]);
        expect(tokens.stillFails.every(({ drift }) => drift === 0)).toBe(true);
      }),
      { numRuns: 10, seed: 9 },
    );
  });

  it('gives the mirror image when the runs are exchanged', async () => {
    const seen = { newlyFails: 0, drifted: 0, alone: 0, exitCodes: new Set<number>() };
    await fc.assert(
      fc.asyncProperty(runs, runs, async (runA, runB) => {
        const [a, b] = [await folderOf(runA), await folderOf(runB)];
        const diff = compareRuns({ a, b });
        const back = compareRuns({ a: b, b: a });
        expect(inOneOrder(back)).toEqual(inOneOrder(mirrored(diff)));
        expect(diff.exitCode).toBe(
          diff.total.all.changes.newlyFails > 0 ||
            diff.rules.some(({ change }) => change === 'newlyBroken') ||
            (diff.a.status === 'pass' && diff.b.status !== 'pass')
            ? 1
            : 0,
        );
        seen.newlyFails += diff.total.all.changes.newlyFails;
        seen.drifted += diff.total.all.changes.drifted;
        seen.alone += diff.alone.length;
        seen.exitCodes.add(diff.exitCode).add(back.exitCode);
      }),
      { numRuns: 25, seed: 9 },
    );
    // The law was put to the test at all.
    expect(Math.min(seen.newlyFails, seen.drifted, seen.alone)).toBeGreaterThan(0);
    expect(seen.exitCodes.size).toBe(2);
  });
});
