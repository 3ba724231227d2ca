// Types of the @stdlib/stats files that this room imports by path; why by path stands in ../metrics/stdlib-stats.d.ts.

declare module '@stdlib/stats/base/dists/beta/quantile/lib/index.js' {
  function quantile(probability: number, alpha: number, beta: number): number;
  export = quantile;
}

declare module '@stdlib/stats/base/dists/binomial/cdf/lib/index.js' {
  function cdf(x: number, trials: number, probability: number): number;
  export = cdf;
}
