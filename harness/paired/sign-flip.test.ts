// The sign-flip test at its two sizes, and the classical tests where there is little to test.
import { describe, expect, it } from 'vitest';
import { madeUpDifferences } from './made-up-differences.fixture.ts';
import { promptUnits } from './paired-sample.ts';
import { classicalTests } from './side-notes.ts';
import { signFlipTest } from './sign-flip.ts';

const unitsOf = (...sums: number[]) => ({
  sums: Float64Array.from(sums),
  tokens: new Float64Array(sums.length).fill(1),
});

describe('signFlipTest', () => {
  it('counts patterns as far out as the one seen, ties included', () => {
    expect(signFlipTest(unitsOf(1, 2, 3), 1)).toEqual({ p: 0.25, isExact: true });
    expect(signFlipTest(unitsOf(0.1, 0.2, -0.3), 1).p).toBe(1);
    expect(signFlipTest(unitsOf(5), 1).p).toBe(1);
  });

  it('is exact up to 14 units, and close to exact beyond', () => {
    const sample = (prompts: number) => madeUpDifferences({ lengths: Array(prompts).fill(20), baseNats: 0.03 }, 2);
    expect(signFlipTest(promptUnits(sample(14)), 1).isExact).toBe(true);
    const drawn = signFlipTest(promptUnits(sample(15)), 1);
    expect(drawn.isExact).toBe(false);
    // A sixteenth unit of 0 doubles every count and changes no share; 9,999 draws have a standard deviation of 0.005 at most.
    expect(Math.abs(drawn.p - exactShare(promptUnits(sample(15)).sums))).toBeLessThan(0.02);
  });

  it('takes signs from more than one word for more than 32 units', () => {
    const { p } = signFlipTest(unitsOf(...Array<number>(32).fill(0), 1, 1, 1, 1, 1), 1);
    expect(Math.abs(p - 1 / 16)).toBeLessThan(0.01);
  });
});

/** All 2^n patterns, one by one. */
function exactShare(sums: Float64Array): number {
  const seen = Math.abs(sums.reduce((total, sum) => total + sum, 0));
  let asFar = 0;
  for (let pattern = 0; pattern < 2 ** sums.length; pattern++) {
    const sum = sums.reduce((total, value, unit) => total + ((pattern >> unit) & 1 ? -value : value), 0);
    if (Math.abs(sum) >= seen - 1e-12) asFar++;
  }
  return asFar / 2 ** sums.length;
}

describe('classicalTests', () => {
  it('take blocks of a single prompt', () => {
    expect(classicalTests(madeUpDifferences({ lengths: [320], baseNats: 0.03 }, 1), 1)).toMatchObject({
      unit: 'blocks',
    });
  });

  it('find nothing where nothing differs, and no ranks in one unit', () => {
    expect(classicalTests({ lengths: [5, 5], differences: new Float64Array(10) }, 1).wilcoxonP).toBe(1);
    expect(classicalTests({ lengths: [9], differences: new Float64Array(9).fill(1) }, 1).wilcoxonP).toBeNull();
  });
});
