// Integer codes with float16 scales in the layouts of GPTQ, AWQ and compressed-tensors, rounded to nearest: no calibration, so these are
// neither GPTQ's nor AWQ's own codes, but what their files hold with the plainest choice of codes.
// Source: AutoGPTQ 0.7.1 quantizer.py and qlinear pack() (symmetric: the scale is 2 max / 15, the zero point 8, stored less one);
// AutoAWQ 0.2.9 `pseudo_quantize_tensor` and WQLinear_GEMM; compressed-tensors 0.20.0 `calculate_qparams`, preset W8A16.

import { float32FromBits } from '../../../../src/numerics/float-bits.ts';
import { float32BitsFromF16 } from '../../../../src/tensor/dtypes.ts';
import { F16, narrowPattern, roundTiesEven } from './narrow-floats.ts';
import { eachGroup, largestOf, type VariantFormat } from './variant-format.ts';

const GROUP = 128;
/** Shift of row 8 * i + [index] in its word: AWQ's order. */
const AWQ_SHIFTS = [0, 16, 4, 20, 8, 24, 12, 28] as const;
/** All zero points 8, less one as version 1 stores them. */
const GPTQ_ZEROS = 0x7777_7777;

export const GPTQ_INT4: VariantFormat = {
  name: 'gptq-int4-g128-rtn',
  settings: {
    ...{ quant_method: 'gptq', bits: 4, group_size: GROUP, sym: true, desc_act: false, checkpoint_format: 'gptq' },
    ...{ lm_head: false, true_sequential: false, damp_percent: 0 },
  },
  quantise(matrix) {
    const { name, rows, columns, values } = matrix;
    const groups = Math.ceil(columns / GROUP);
    const scales = new Uint16Array(groups * rows);
    const words = new Uint32Array(Math.ceil(columns / 8) * rows);
    eachGroup(matrix, GROUP, (row, group, first, end) => {
      const scale = storedScale((2 * largestOf(values, first, end)) / 15);
      scales[group * rows + row] = scale.pattern;
      for (let i = first; i < end; i++) {
        const column = i - row * columns;
        const word = (column >>> 3) * rows + row;
        words[word]! |= codeOf(values[i]! / scale.value, 8, 15) << (4 * (column & 7));
      }
    });
    const zeroWords = Math.ceil(rows / 8);
    return [
      { name: `${name}.qweight`, dtype: 'I32', shape: [words.length / rows, rows], data: words },
      {
        ...{ name: `${name}.qzeros`, dtype: 'I32', shape: [groups, zeroWords] },
        data: new Uint32Array(groups * zeroWords).fill(GPTQ_ZEROS),
      },
      { name: `${name}.scales`, dtype: 'F16', shape: [groups, rows], data: scales },
      {
        ...{ name: `${name}.g_idx`, dtype: 'I32', shape: [columns] },
        data: Int32Array.from({ length: columns }, (_, column) => Math.floor(column / GROUP)),
      },
    ];
  },
};

/** Of matrices whose rows come in eights. */
export const AWQ_INT4: VariantFormat = {
  name: 'awq-int4-g128-rtn',
  settings: {
    ...{ quant_method: 'awq', bits: 4, group_size: GROUP, zero_point: true, version: 'gemm' },
    modules_to_not_convert: null,
  },
  quantise(matrix) {
    const { name, rows, columns, values } = matrix;
    const groups = columns / GROUP;
    const rowWords = rows / 8;
    const scales = new Uint16Array(groups * rows);
    const zeros = new Uint32Array(groups * rowWords);
    const words = new Uint32Array(columns * rowWords);
    eachGroup(matrix, GROUP, (row, group, first, end) => {
      const { lowest, highest } = rangeOf(values, first, end);
      const scale = storedScale((highest - lowest) / 15);
      const zero = codeOf(-lowest / scale.value, 0, 15);
      const shift = AWQ_SHIFTS[row & 7]!;
      scales[group * rows + row] = scale.pattern;
      zeros[group * rowWords + (row >>> 3)]! |= zero << shift;
      for (let i = first; i < end; i++) {
        const word = (i - row * columns) * rowWords + (row >>> 3);
        words[word]! |= codeOf(values[i]! / scale.value, zero, 15) << shift;
      }
    });
    return [
      { name: `${name}.qweight`, dtype: 'I32', shape: [columns, rowWords], data: words },
      { name: `${name}.qzeros`, dtype: 'I32', shape: [groups, rowWords], data: zeros },
      { name: `${name}.scales`, dtype: 'F16', shape: [groups, rows], data: scales },
    ];
  },
};

/** 8 bits, a scale a row; activations stay 16 bits wide. */
export const W8A16: VariantFormat = {
  name: 'w8a16-rtn',
  settings: {
    ...{ quant_method: 'compressed-tensors', format: 'pack-quantized', quantization_status: 'compressed' },
    config_groups: {
      group_0: {
        targets: ['Linear'],
        input_activations: null,
        output_activations: null,
        weights: { num_bits: 8, type: 'int', symmetric: true, strategy: 'channel', group_size: null, dynamic: false },
      },
    },
    ignore: ['lm_head'],
  },
  quantise(matrix) {
    const { name, rows, columns, values } = matrix;
    const rowWords = Math.ceil(columns / 4);
    const scales = new Uint16Array(rows);
    const words = new Uint32Array(rows * rowWords);
    eachGroup(matrix, columns, (row, _, first, end) => {
      const scale = storedScale((2 * largestOf(values, first, end)) / 255);
      scales[row] = scale.pattern;
      for (let i = first; i < end; i++) {
        const column = i - first;
        words[row * rowWords + (column >>> 2)]! |= codeOf(values[i]! / scale.value, 128, 255) << (8 * (column & 3));
      }
    });
    return [
      { name: `${name}.weight_packed`, dtype: 'I32', shape: [rows, rowWords], data: words },
      { name: `${name}.weight_scale`, dtype: 'F16', shape: [rows, 1], data: scales },
      { name: `${name}.weight_shape`, dtype: 'I64', shape: [2], data: BigInt64Array.of(BigInt(rows), BigInt(columns)) },
    ];
  },
};

/** Codes are found with the scale that is stored. A group of zeros has the smallest one: formats have no scale of zero. */
function storedScale(wanted: number): { readonly pattern: number; readonly value: number } {
  const pattern = Math.max(1, narrowPattern(wanted, F16));
  return { pattern, value: float32FromBits(float32BitsFromF16(pattern)) };
}

function codeOf(steps: number, zero: number, largest: number): number {
  return Math.min(largest, Math.max(0, roundTiesEven(steps) + zero));
}

/** With zero inside, which then is a code of its own. */
function rangeOf(values: Float32Array, first: number, end: number): { lowest: number; highest: number } {
  let lowest = 0;
  let highest = 0;
  for (let i = first; i < end; i++) {
    lowest = Math.min(lowest, values[i]!);
    highest = Math.max(highest, values[i]!);
  }
  return { lowest, highest };
}
