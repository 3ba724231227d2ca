// Every statistic of this room against another's code: scipy 1.17.1, statsmodels 0.15.0, numpy's matrices.
//
// Recipe, with d the differences of `pairedExample`, g the prompt of each, N = 44, m and S the means and sums of the prompts:
//   H = ones(N, N) / N;  e = d - d.mean()
//   CR2: a_k = fractional_matrix_power(I - H[k, k], -1/2) @ 1 / N per prompt k;  se² = Σ (a_k · e_k)²
//   df: eigenvalues l of Pᵀ V P, P = (I - H) @ [a_k], V = I or V = 1 within prompts;  (Σ l)² / Σ l², the smaller of both
//   interval, p: st.t.interval(.95, df, mean, se), 2 * st.t.cdf(-|mean / se|, df);  even units: st.ttest_1samp(m, 0)
//   st.permutation_test((S,), sum, permutation_type='samples', n_resamples=inf);  st.wilcoxon(m, mode='exact')
//   st.binomtest(3, 14), st.binomtest(40, 95);  multipletests(p, method='holm')
//   st.bootstrap((m,), np.mean, n_resamples=200000, method='percentile');  bootstrap-t: 400,000 rows of rng.choice(m, 8) with std(ddof=1)
import { describe, expect, it } from 'vitest';
import { bootstrapMeans, percentileInterval, studentisedInterval } from './bootstrap.ts';
import { clusterRobustMean, criticalValue, tInterval, tProbability } from './cluster-robust.ts';
import { holm } from './holm.ts';
import { evenExample, pairedExample } from './paired-example.fixture.ts';
import { promptUnits } from './paired-sample.ts';
import { classicalTests, countDiscordant } from './side-notes.ts';

describe('the cluster-robust mean', () => {
  it('is that of the matrices for uneven prompts', () => {
    const robust = clusterRobustMean(promptUnits(pairedExample()), 0);
    expect(robust.mean).toBeCloseTo(0.003, 14);
    expect(robust.standardError).toBeCloseTo(0.0018626639261255793, 14);
    expect(robust.degreesOfFreedom).toBeCloseTo(4.514626043786318, 10);
    expect(tInterval(robust, 0.05).lower).toBeCloseTo(-0.001947185694957668, 12);
    expect(tInterval(robust, 0.05).upper).toBeCloseTo(0.007947185694957665, 12);
    expect(tProbability(robust)).toBeCloseTo(0.17441113847410492, 10);
  });

  it('is Student’s t test for even ones', () => {
    const robust = clusterRobustMean(promptUnits(evenExample()), 0);
    expect(robust.degreesOfFreedom).toBeCloseTo(7, 10);
    expect(tInterval(robust, 0.05).lower).toBeCloseTo(-0.002265709883305731, 12);
    expect(tInterval(robust, 0.05).upper).toBeCloseTo(0.012710848772194618, 12);
    expect(tProbability(robust)).toBeCloseTo(0.14310183440589416, 10);
  });

  it('has the critical values of t for broken degrees of freedom', () => {
    expect(criticalValue(0.05, 2.9)).toBeCloseTo(3.2454380624331107, 12);
  });
});

describe('the bootstrap', () => {
  const units = promptUnits(evenExample());
  const robust = clusterRobustMean(units, 0);
  const bootstrap = bootstrapMeans(units, robust, { resamples: 100_000, seed: 1, leastError: 0 });

  it('has the percentiles of scipy’s', () => {
    const { lower, upper } = percentileInterval(bootstrap, 0.05);
    expect(Math.abs(lower - -4.097222222222219e-5)).toBeLessThan(1e-4);
    expect(Math.abs(upper - 0.011673958333333335)).toBeLessThan(2e-4);
  });

  it('has the studentised ends of numpy’s: further out on the side of the tail', () => {
    const { lower, upper } = studentisedInterval(bootstrap, robust, 0.05);
    expect(Math.abs(lower - -0.00050376)).toBeLessThan(1e-4);
    expect(Math.abs(upper - 0.0271257)).toBeLessThan(1e-3);
  });
});

describe('classical tests', () => {
  it('are those of scipy', () => {
    const { unit, signFlip, wilcoxonP } = classicalTests(pairedExample(), 1);
    expect(unit).toBe('prompts');
    expect(signFlip).toEqual({ p: 0.21875, isExact: true });
    expect(wilcoxonP).toBeCloseTo(0.3828125, 12);
  });

  it.each([
    { gained: 3, lost: 11, p: 0.057373046875 },
    { gained: 40, lost: 55, p: 0.1505180638902294 },
    { gained: 0, lost: 0, p: 1 },
  ])('give $gained gained and $lost lost tokens McNemar’s p $p', ({ gained, lost, p }) => {
    const differences = Float64Array.from({ length: 200 }, (_, i) => (i < gained ? 1 : i < gained + lost ? -1 : 0));
    const counted = countDiscordant({ lengths: [200], differences });
    expect(counted).toEqual({ gained, lost, mcNemarP: expect.closeTo(p, 10) });
  });
});

describe('holm', () => {
  it('is that of statsmodels, in the order given', () => {
    const adjusted = holm([0.001, 0.04, 0.03, 0.2, 0.011, 0.011]);
    for (const [i, p] of [0.006, 0.09, 0.09, 0.2, 0.055, 0.055].entries()) expect(adjusted[i]).toBeCloseTo(p, 12);
  });

  it('has nothing to adjust where there is nothing, and never exceeds 1', () => {
    expect(holm([])).toEqual([]);
    expect(holm([0.9, 1, 0.8])).toEqual([1, 1, 1]);
  });
});
