// Quantisations as real formats make them, values in and dequantised values out, so that nothing is diagnosed where nothing is wrong.
import type { Change } from './planted.fixture.ts';

/** Symmetric, rounded to nearest: Q8_0 and int4 with groups, per row with Infinity. */
export function symmetric(bits: number, group: number): Change {
  const top = 2 ** (bits - 1) - 1;
  return inGroups(group, (values) => {
    const scale = Math.max(...values.map(Math.abs)) / top;
    return values.map((value) => (scale === 0 ? 0 : Math.round(value / scale) * scale));
  });
}

/** With a minimum, as GPTQ, AWQ, MLX and the K-quants have one. */
export function asymmetric(bits: number, group: number): Change {
  const top = 2 ** bits - 1;
  return inGroups(group, (values) => {
    const low = Math.min(0, ...values);
    const scale = (Math.max(0, ...values) - low) / top;
    const zero = scale === 0 ? 0 : Math.round(-low / scale);
    return values.map((value) => (Math.min(top, Math.max(0, Math.round(value / scale) + zero)) - zero) * scale || 0);
  });
}

/** Values of a table times the largest of 64 neighbours: bitsandbytes' nf4. */
export const nf4: Change = inGroups(64, (values) => {
  const largest = Math.max(...values.map(Math.abs));
  return values.map((value) => nearest(NF4, value / largest) * largest);
});
const NF4 = [
  -1, -0.6962, -0.5251, -0.3949, -0.2844, -0.1848, -0.0911, 0, 0.0796, 0.1609, 0.2461, 0.3379, 0.4407, 0.5626, 0.723, 1,
];

/** Significands cut to so many bits behind the point: fp8 e4m3 has 3, e5m2 has 2, float16 10, bfloat16 7. */
export function floating(fraction: number): Change {
  return (values) =>
    values.map((value) => {
      const step = 2 ** (Math.floor(Math.log2(Math.abs(value))) - fraction);
      return value === 0 ? 0 : Math.round(value / step) * step;
    });
}

function nearest(table: readonly number[], value: number): number {
  return table.reduce((best, one) => (Math.abs(one - value) < Math.abs(best - value) ? one : best));
}

function inGroups(group: number, quantise: (values: number[]) => number[]): Change {
  return (values, columns) => {
    const out = new Float32Array(values.length);
    const size = Math.min(group, columns);
    for (let row = 0; row < values.length; row += columns) {
      for (let first = row; first < row + columns; first += size) {
        out.set(quantise([...values.subarray(first, Math.min(first + size, row + columns))]), first);
      }
    }
    return out;
  };
}
