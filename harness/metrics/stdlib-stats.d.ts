// Types of the @stdlib/stats files that are imported by path: the package has no `exports`, its folders are not ES modules.
// The plain JavaScript of each routine is taken, never the optional native add-on, whose last bits may differ.

declare module '@stdlib/stats/incr/pcorr/lib/index.js' {
  import incrpcorr = require('@stdlib/stats/incr/pcorr');
  export = incrpcorr;
}

declare module '@stdlib/stats/strided/dmean/lib/dmean.js' {
  function dmean(n: number, values: Float64Array, stride: number): number;
  export = dmean;
}

declare module '@stdlib/stats/strided/dsem/lib/dsem.js' {
  /** `correction` is subtracted from n in the variance: 1 for a sample. */
  function dsem(n: number, correction: number, values: Float64Array, stride: number): number;
  export = dsem;
}
