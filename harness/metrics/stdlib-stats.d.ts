// Types of the @stdlib/stats files that are imported by path: the package has no `exports`, its folders are not ES modules.

declare module '@stdlib/stats/incr/pcorr/lib/index.js' {
  import incrpcorr = require('@stdlib/stats/incr/pcorr');
  export = incrpcorr;
}
