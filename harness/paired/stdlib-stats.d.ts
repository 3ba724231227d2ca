// Types of the @stdlib/stats files that this room imports by path; why by path stands in ../metrics/stdlib-stats.d.ts.

declare module '@stdlib/stats/base/dists/t/cdf/lib/index.js' {
  function cdf(x: number, degreesOfFreedom: number): number;
  export = cdf;
}

declare module '@stdlib/stats/base/dists/t/quantile/lib/index.js' {
  function quantile(probability: number, degreesOfFreedom: number): number;
  export = quantile;
}

declare module '@stdlib/stats/padjust/lib/index.js' {
  function padjust(pValues: readonly number[], method: 'holm'): number[];
  export = padjust;
}

declare module '@stdlib/stats/binomial-test/lib/index.js' {
  /** Two-sided, of a share of one half. */
  function binomialTest(successes: number, trials: number): { readonly pValue: number };
  export = binomialTest;
}

declare module '@stdlib/stats/wilcoxon/lib/index.js' {
  /** Two-sided; at least two values, one of them not 0. */
  function wilcoxon(values: Float64Array): { readonly pValue: number };
  export = wilcoxon;
}
