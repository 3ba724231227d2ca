// The weights of a lab share its memory: exact ones come by some way wherever a layer of them fits, and the plan keeps to its budget.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planLab, type SetSizes } from './lab-plan.ts';

/** As layers give them: a set is some units, and streaming holds two. */
const sizes: fc.Arbitrary<SetSizes> = fc
  .tuple(fc.integer({ min: 2, max: 80 }), fc.integer({ min: 1, max: 1000 }))
  .map(([units, unitBytes]) => ({
    packedBytes: units * unitBytes,
    memoryBytes: 2 * unitBytes,
    unitBytes,
    matrixBytes: unitBytes,
  }));

it('keeps to the budget, and leaves exact weights out only where the budget that it names is not there', () => {
  fc.assert(
    fc.property(
      fc.array(sizes, { minLength: 1, maxLength: 2 }),
      sizes,
      fc.integer({ min: 1, max: 200_000 }),
      fc.boolean(),
      (packed, exact, budgetBytes, hasCache) => {
        const plan = planLab({ packed, exact, budgetBytes, hasCache });
        expect(plan.exact !== 'none').toBe(budgetBytes >= plan.exactNeedsBytes);
        if (plan.exact !== 'none') expect(plan.memoryBytes).toBeLessThanOrEqual(budgetBytes);
        if (plan.packed === 'streamed') expect(hasCache).toBe(true);
        const enough = planLab({ packed, exact, budgetBytes: plan.exactNeedsBytes, hasCache });
        expect(enough.exact).not.toBe('none');
      },
    ),
  );
});
