// 8-bit floats with a scale a block of 128 x 128, and bitsandbytes' nf4 whose maxima are quantised once more: as their tools make them.
// Source: Transformers 5.24.0 `Fp8Quantize` (scale = max / 448); bitsandbytes 0.50.2 `quantize_4bit` with compress_statistics,
// `quantize_blockwise`, `create_dynamic_map`.
import { E4M3, narrowPattern } from './narrow-floats.ts';
import { largestOf, type VariantFormat } from './variant-format.ts';

const SIDE = 128;

export const FP8_BLOCK: VariantFormat = {
  name: 'fp8-128x128',
  settings: {
    ...{ quant_method: 'fp8', activation_scheme: 'dynamic', weight_block_size: [SIDE, SIDE] },
    modules_to_not_convert: ['lm_head'],
  },
  quantise({ name, rows, columns, values }) {
    const [down, across] = [Math.ceil(rows / SIDE), Math.ceil(columns / SIDE)];
    const scales = new Float32Array(down * across);
    for (let row = 0; row < rows; row++) {
      for (let at = 0; at < across; at++) {
        const first = row * columns + at * SIDE;
        const largest = largestOf(values, first, row * columns + Math.min((at + 1) * SIDE, columns));
        const block = Math.floor(row / SIDE) * across + at;
        scales[block] = Math.max(scales[block]!, largest / E4M3.largest);
      }
    }
    // A block of zeros: formats have no scale of zero.
    const used = scales.map((scale) => (scale === 0 ? 1 : scale));
    const codes = new Uint8Array(values.length);
    for (let row = 0; row < rows; row++) {
      const scaleRow = Math.floor(row / SIDE) * across;
      for (let column = 0; column < columns; column++) {
        const i = row * columns + column;
        codes[i] = narrowPattern(values[i]! / used[scaleRow + Math.floor(column / SIDE)]!, E4M3);
      }
    }
    return [
      { name: `${name}.weight`, dtype: 'F8_E4M3', shape: [rows, columns], data: codes },
      { name: `${name}.weight_scale_inv`, dtype: 'F32', shape: [down, across], data: used },
    ];
  },
};

export const NF4: Float32Array = Float32Array.of(
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334],
  ...[-0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
  ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
);
const BLOCK = 64;
const OUTER_BLOCK = 256;

export const NF4_DOUBLE: VariantFormat = {
  name: 'bnb-nf4-double',
  settings: {
    ...{ quant_method: 'bitsandbytes', load_in_4bit: true, load_in_8bit: false, bnb_4bit_quant_type: 'nf4' },
    ...{ bnb_4bit_use_double_quant: true, bnb_4bit_compute_dtype: 'bfloat16', bnb_4bit_quant_storage: 'uint8' },
    llm_int8_skip_modules: ['lm_head'],
  },
  quantise({ name, rows, columns, values }) {
    const maxima = new Float32Array(Math.ceil(values.length / BLOCK));
    const codes = new Uint8Array(Math.ceil(values.length / 2));
    const nearest = nearestIn(NF4);
    for (let block = 0; block < maxima.length; block++) {
      const end = Math.min((block + 1) * BLOCK, values.length);
      const largest = largestOf(values, block * BLOCK, end);
      maxima[block] = largest;
      // The first of two values is the high half of their byte.
      for (let i = block * BLOCK; i < end; i++) {
        codes[i >>> 1]! |= nearest(largest === 0 ? 0 : values[i]! / largest) << (i % 2 === 0 ? 4 : 0);
      }
    }
    const { inner, outer, map, offset } = quantisedMaxima(maxima);
    const state = {
      ...{ quant_type: 'nf4', blocksize: BLOCK, dtype: 'bfloat16', shape: [rows, columns] },
      ...{ nested_blocksize: OUTER_BLOCK, nested_dtype: 'float32', nested_offset: offset },
    };
    const json = new TextEncoder().encode(JSON.stringify(state));
    const weight = `${name}.weight`;
    return [
      { name: weight, dtype: 'U8', shape: [codes.length, 1], data: codes },
      { name: `${weight}.absmax`, dtype: 'U8', shape: [inner.length], data: inner },
      { name: `${weight}.quant_map`, dtype: 'F32', shape: [NF4.length], data: NF4 },
      { name: `${weight}.nested_absmax`, dtype: 'F32', shape: [outer.length], data: outer },
      { name: `${weight}.nested_quant_map`, dtype: 'F32', shape: [map.length], data: map },
      { name: `${weight}.quant_state.bitsandbytes__nf4`, dtype: 'U8', shape: [json.length], data: json },
    ];
  },
};

interface QuantisedMaxima {
  /** Codes of the maxima less their mean. */
  readonly inner: Uint8Array;
  readonly outer: Float32Array;
  readonly map: Float32Array;
  readonly offset: number;
}

function quantisedMaxima(maxima: Float32Array): QuantisedMaxima {
  const map = dynamicMap();
  const nearest = nearestIn(map);
  const offset = Math.fround(maxima.reduce((sum, value) => sum + value, 0) / maxima.length);
  const differences = maxima.map((value) => value - offset);
  const outer = Float32Array.from({ length: Math.ceil(maxima.length / OUTER_BLOCK) }, (_, block) =>
    largestOf(differences, block * OUTER_BLOCK, Math.min((block + 1) * OUTER_BLOCK, maxima.length)),
  );
  const inner = Uint8Array.from(differences, (value, i) => {
    const largest = outer[Math.floor(i / OUTER_BLOCK)]!;
    return nearest(largest === 0 ? 0 : value / largest);
  });
  return { inner, outer, map, offset };
}

/** Signed values over seven decades, twice as many in each as in the one below: [256], ascending. */
export function dynamicMap(): Float32Array {
  const values = [0, 1];
  for (const [decade, factor] of [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1].entries()) {
    const count = 1 << decade;
    for (let i = 0; i < count; i++) {
      const middle = factor * (0.1 + (0.9 * (i + 0.5)) / count);
      values.push(middle, -middle);
    }
  }
  return Float32Array.from(values).sort();
}

/** The index of the nearest of ascending values, by halving. */
function nearestIn(ascending: Float32Array): (value: number) => number {
  const borders = Float64Array.from(ascending.subarray(1), (value, i) => (value + ascending[i]!) / 2);
  return (value) => {
    let low = 0;
    let high = borders.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value > borders[middle]!) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
