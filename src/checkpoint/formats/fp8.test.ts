// fp8 with block, matrix and row scales: held against Transformers' values, odd edges against plain arithmetic; what is broken is said.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FP8_E4M3_VALUES } from '../../tensor/fp8.ts';
import { errorOf } from '../checkpoint.fixture.ts';
import { readTensorRows, readWholeTensor } from '../checkpoint-tensor.ts';
import type { StoredWeights } from './format.ts';
import { readFbgemmFp8, readFp8 } from './fp8.ts';
import {
  digestOf,
  expectedDigests,
  storedWeights,
  valuesOfEveryCut,
  writtenTensors,
} from './quantised-folder.fixture.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-fp8-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const NAME = 'model.layers.0.self_attn.q_proj';
const [ROWS, COLUMNS] = [50, 70];
const CODES = Uint8Array.from({ length: ROWS * COLUMNS }, (_, i) => (i * 37) % 256).map((code) =>
  (code & 0x7f) === 0x7f ? 1 : code,
);

type Parts = Parameters<typeof writtenTensors>[1];

function weightsOf(
  settings: Record<string, unknown>,
  parts: Parts,
  codes: Parts[string] = ['F8_E4M3', [ROWS, COLUMNS], CODES],
): StoredWeights {
  return {
    path: 'config.json',
    settings,
    stored: writtenTensors(scratch, { [`${NAME}.weight`]: codes, ...parts }),
    expected: new Map([[`${NAME}.weight`, [ROWS, COLUMNS]]]),
  };
}

/** Scales of a grid whose blocks have these sides, each another one. */
function grid(rows: number, columns: number): Parts[string] {
  const shape = [Math.ceil(ROWS / rows), Math.ceil(COLUMNS / columns)];
  return ['F32', shape, Float32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => Math.fround(0.01 * (i + 1)))];
}

function valuesWith(scaleOf: (row: number, column: number) => number): Float32Array {
  return Float32Array.from(CODES, (code, i) => FP8_E4M3_VALUES[code]! * scaleOf(Math.floor(i / COLUMNS), i % COLUMNS));
}

describe('fp8 in blocks', () => {
  it('has the bits of Fp8Dequantize, in every cut', () => {
    const { tensors, encoding, notes } = readFp8(storedWeights('fp8-block'));
    const expected = Object.entries(expectedDigests('fp8-block'));
    expect(expected).toHaveLength(7);
    for (const [name, digest] of expected)
      expect([name, digestOf(valuesOfEveryCut(tensors.get(name)!))]).toEqual([name, digest]);
    expect(encoding).toBe('fp8 E4M3, blocks of 128 x 128, dynamic activations');
    expect(notes[0]).toContain('activations are quantised too');
    expect([...tensors.keys()].filter((name) => name.includes('scale'))).toEqual([]);
  });

  it.each([
    [16, 32],
    [7, 70],
    [50, 1],
    [128, 128],
  ])('%i x %i: blocks at the edges are partial', (rows, columns) => {
    const scale = grid(rows, columns);
    const { tensors } = readFp8(
      weightsOf({ weight_block_size: [rows, columns] }, { [`${NAME}.weight_scale_inv`]: scale }),
    );
    const across = Math.ceil(COLUMNS / columns);
    const wanted = valuesWith((row, column) => {
      return (scale[2] as Float32Array)[Math.floor(row / rows) * across + Math.floor(column / columns)]!;
    });
    expect(digestOf(valuesOfEveryCut(tensors.get(`${NAME}.weight`)!))).toBe(digestOf(wanted));
  });

  it('reads scales in BF16', () => {
    const scale: Parts[string] = ['BF16', [1, 1], Uint16Array.of(0x3fc0)];
    const { tensors } = readFp8(weightsOf({}, { [`${NAME}.weight_scale_inv`]: scale }));
    expect(readWholeTensor(tensors.get(`${NAME}.weight`)!)).toEqual(valuesWith(() => 1.5));
  });
});

describe('fp8 with other scales', () => {
  it.each([[[]], [[1]], [[1, 1]]])('one scale a matrix, shape %j, and those of activations beside it', (shape) => {
    const parts: Parts = {
      [`${NAME}.weight_scale`]: ['F32', shape, Float32Array.of(0.3)],
      [`${NAME}.input_scale`]: ['F32', [], Float32Array.of(9)],
    };
    const { tensors, encoding } = readFp8(weightsOf({ weight_block_size: null, activation_scheme: 'static' }, parts));
    expect(digestOf(readWholeTensor(tensors.get(`${NAME}.weight`)!))).toBe(
      digestOf(valuesWith(() => Math.fround(0.3))),
    );
    expect([...tensors.keys()]).toEqual([`${NAME}.weight`]);
    expect(encoding).toBe('fp8 E4M3, one scale a matrix, static activations');
  });

  it('FBGEMM: one scale a row', () => {
    const scale: Parts[string] = ['F32', [ROWS, 1], Float32Array.from({ length: ROWS }, (_, row) => 0.1 + row)];
    const { tensors } = readFbgemmFp8(weightsOf({ activation_scale_ub: 1200 }, { [`${NAME}.weight_scale`]: scale }));
    const wanted = valuesWith((row) => (scale[2] as Float32Array)[row]!);
    expect(digestOf(valuesOfEveryCut(tensors.get(`${NAME}.weight`)!))).toBe(digestOf(wanted));
  });

  it('says which modules are plain without being listed', () => {
    const weights = storedWeights('fp8-block');
    const plain = writtenTensors(scratch, {
      'model.layers.1.mlp.up_proj.weight': ['BF16', [384, 128], new Uint16Array(384 * 128)],
    });
    const { notes } = readFp8({ ...weights, settings: {}, stored: new Map([...weights.stored, ...plain]) });
    expect(notes[1]).toContain('do not list'.replace('do', 'does'));
    expect(notes[1]).toContain('model.layers.1.mlp.up_proj');
  });
});

describe('fp8 that is refused', () => {
  const scales = { [`${NAME}.weight_scale_inv`]: grid(128, 128) };

  it.each([
    ['a field that nobody knows', { rotation: 'hadamard' }, 'rotation'],
    ['blocks of no size', { weight_block_size: [128, 0] }, 'weight_block_size'],
    ['three sides', { weight_block_size: [1, 2, 3] }, 'weight_block_size'],
    ['another scheme', { activation_scheme: 'block' }, 'activation_scheme'],
    ['another float', { fmt: 'e5m2' }, 'fmt'],
    ['a module that is listed and quantised', { modules_to_not_convert: [NAME] }, NAME],
    ['a pattern that fits a quantised module', { modules_to_not_convert: ['model.layers.[0-3].*'] }, NAME],
    ['a list that is none', { modules_to_not_convert: 'lm_head' }, 'modules_to_not_convert'],
  ])('%s', (_, settings, text) => {
    const { code, message } = errorOf(() => readFp8(weightsOf(settings, scales)));
    expect(code).toBe('QUANTISED_UNSUPPORTED');
    expect(message).toContain(text);
  });

  it.each<[string, Parts, Parts[string] | undefined, string]>([
    ['no scale', {}, undefined, 'has no scale'],
    ['two scales', { ...scales, [`${NAME}.weight_scale`]: grid(128, 128) }, undefined, 'two scales'],
    ['a grid of other blocks', { [`${NAME}.weight_scale_inv`]: grid(16, 16) }, undefined, '[1, 1]'],
    [
      'scales that are no floats',
      { [`${NAME}.weight_scale_inv`]: ['U8', [1, 1], Uint8Array.of(127)] },
      undefined,
      'U8',
    ],
    ['another shape', scales, ['F8_E4M3', [COLUMNS, ROWS], CODES], '[70, 50]'],
  ])('%s', (_, parts, codes, text) => {
    const { code, message } = errorOf(() => readFp8(weightsOf({ weight_block_size: [128, 128] }, parts, codes)));
    expect(code).toBe('QUANTISED_TENSOR');
    expect(message).toContain(text);
    expect(message).toContain(NAME);
  });

  it('F8_E5M2, and a checkpoint without any fp8', () => {
    const other = weightsOf({}, scales, ['F8_E5M2', [ROWS, COLUMNS], CODES]);
    expect(errorOf(() => readFp8(other)).message).toContain('F8_E5M2');
    const plain = weightsOf({}, {}, ['BF16', [ROWS, COLUMNS], new Uint16Array(ROWS * COLUMNS)]);
    expect(errorOf(() => readFp8(plain)).code).toBe('QUANTISED_UNSUPPORTED');
  });

  it.each([0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'a scale of %s, where its rows are read',
    (value) => {
      const parts: Parts = { [`${NAME}.weight_scale_inv`]: ['F32', [4, 1], Float32Array.of(1, 1, value, 1)] };
      const tensor = readFp8(weightsOf({ weight_block_size: [16, 128] }, parts)).tensors.get(`${NAME}.weight`)!;
      expect(readTensorRows(tensor, 0, 32)).toHaveLength(32 * COLUMNS);
      const { code, message } = errorOf(() => readTensorRows(tensor, 31, 2));
      expect(code).toBe('QUANTISED_TENSOR');
      expect(message).toContain('element 2');
    },
  );

  it.each([0x7f, 0xff])('the code %i, which is no number', (code) => {
    const codes = Uint8Array.from(CODES);
    codes[3 * COLUMNS + 5] = code;
    const tensor = readFp8(weightsOf({}, scales, ['F8_E4M3', [ROWS, COLUMNS], codes])).tensors.get(`${NAME}.weight`)!;
    expect(errorOf(() => readTensorRows(tensor, 2, 9)).message).toContain(`code ${code} at element ${3 * COLUMNS + 5}`);
    expect(readTensorRows(tensor, 4, 46)).toHaveLength(46 * COLUMNS);
  });
});
