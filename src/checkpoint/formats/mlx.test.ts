// MLX affine: held against mx.dequantize in float32 over all bits, groups and dtypes of scales; mixed layers; what is not read.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { errorOf } from '../checkpoint.fixture.ts';
import { readTensorRows } from '../checkpoint-tensor.ts';
import { readMlx } from './mlx.ts';
import {
  digestOf,
  expectedDigests,
  plainTensors,
  QUANTISED,
  storedWeights,
  valuesOfEveryCut,
  writtenTensors,
} from './quantised-folder.fixture.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-mlx-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const VECTORS = join(QUANTISED, 'mlx-vectors');
interface Case {
  readonly name: string;
  readonly bits: number;
  readonly group_size: number;
  readonly shape: readonly [number, number];
  readonly sha256: string;
}
const { cases } = JSON.parse(readFileSync(join(VECTORS, 'vectors.json'), 'utf8')) as { cases: Case[] };
const vectors = plainTensors(join(VECTORS, 'vectors.safetensors'));

describe('MLX affine', () => {
  it('a checkpoint: every tensor has the bits of mx.dequantize, embedding and head too', () => {
    const { tensors, encoding, notes } = readMlx(storedWeights('mlx-4bit', 'quantization'));
    const expected = Object.entries(expectedDigests('mlx-4bit'));
    expect(expected).toHaveLength(8);
    for (const [key, digest] of expected) {
      expect([key, digestOf(valuesOfEveryCut(tensors.get(key)!))]).toEqual([key, digest]);
    }
    expect(encoding).toBe('MLX affine, 4 bits, groups of 64; 1 of 8 matrices otherwise');
    expect(notes).toEqual([]);
    expect([...tensors.keys()].sort()).toEqual(expected.map(([key]) => key).sort());
  });

  it('covers all bits, groups and dtypes', () => {
    expect([...new Set(cases.map(({ bits }) => bits))]).toEqual([2, 3, 4, 5, 6, 8]);
    expect(new Set(cases.map(({ bits, group_size }) => `${bits} ${group_size}`)).size).toBe(18);
    expect(new Set([...vectors].filter(([key]) => key.endsWith('scales')).map(([, { dtype }]) => dtype)).size).toBe(3);
  });

  it.each(cases)('$name', ({ name, bits, group_size, shape, sha256 }) => {
    const expected = new Map([[`${name}.weight`, shape]]);
    const { tensors } = readMlx({ path: 'config.json', settings: { bits, group_size }, stored: vectors, expected });
    expect(digestOf(valuesOfEveryCut(tensors.get(`${name}.weight`)!))).toBe(sha256);
  });

  it('a layer may be the default by name, and other settings give other values', () => {
    const { name, shape, sha256 } = cases.find((one) => one.bits === 4 && one.group_size === 64)!;
    const read = (settings: Record<string, unknown>): string => {
      const weights = {
        path: 'config.json',
        settings,
        stored: vectors,
        expected: new Map([[`${name}.weight`, shape]]),
      };
      return digestOf(valuesOfEveryCut(readMlx(weights).tensors.get(`${name}.weight`)!));
    };
    expect(read({ bits: 4, group_size: 64, mode: 'affine', [name]: true })).toBe(sha256);
    expect(read({ bits: 3, group_size: 32, [name]: { bits: 4, group_size: 64 } })).toBe(sha256);
  });
});

describe('MLX that is refused', () => {
  const base = storedWeights('mlx-4bit', 'quantization');
  const QUERY = 'model.layers.0.self_attn.q_proj';

  it.each([
    ['mode', { mode: 'mxfp4' }, 'mode'],
    ['mode', { mode: 'nvfp4' }, 'nvfp4'],
    ['mode', { mode: 'mxfp8' }, 'mxfp8'],
    ['bits', { bits: 7 }, 'bits'],
    ['group_size', { group_size: 48 }, 'group_size'],
    ['group_size', { group_size: -1 }, 'group_size'],
    ['an unknown field', { hadamard: true }, 'hadamard'],
    ['a module that the model lacks', { 'model.layers.9.mlp.up_proj': { bits: 4, group_size: 64 } }, 'layers.9'],
    ['a mode of a layer', { [QUERY]: { bits: 4, group_size: 64, mode: 'mxfp4' } }, QUERY],
    ['an unknown field of a layer', { [QUERY]: { bits: 4, group_size: 64, rotate: 1 } }, 'rotate'],
    ['an entry of a layer that is none', { [QUERY]: 'q4' }, 'q4'],
  ])('%s %j', (_, change, text) => {
    const { code, message } = errorOf(() => readMlx({ ...base, settings: { ...base.settings, ...change } }));
    expect(code).toBe('QUANTISED_UNSUPPORTED');
    expect(message).toContain(text);
  });

  it.each([
    ['said to be plain, but quantised', { [QUERY]: false }, `${QUERY}.scales`],
    ['of other bits than its codes', { [QUERY]: { bits: 8, group_size: 64 } }, 'U32 [128, 32]'],
    ['of other groups than its scales', { [QUERY]: { bits: 4, group_size: 32 } }, '[128, 4]'],
  ])('a layer %s', (_, change, text) => {
    const { code, message } = errorOf(() => readMlx({ ...base, settings: { ...base.settings, ...change } }));
    expect(code).toBe('QUANTISED_TENSOR');
    expect(message).toContain(text);
    expect(message).toContain(QUERY);
  });

  it.each(['scales', 'biases'])('no %s', (part) => {
    const stored = new Map([...base.stored].filter(([key]) => key !== `${QUERY}.${part}`));
    const settings = { ...base.settings, [QUERY]: { bits: 4, group_size: 64 } };
    expect(errorOf(() => readMlx({ ...base, settings, stored })).code).toBe('QUANTISED_TENSOR');
  });

  it('nothing that is quantised', () => {
    expect(errorOf(() => readMlx({ ...base, stored: new Map() })).message).toContain('.scales');
  });

  it.each([
    ['scales', 0],
    ['scales', Number.NaN],
    ['biases', Number.POSITIVE_INFINITY],
  ])('%s with a %s, where its rows are read', (part, value) => {
    const poisoned = writtenTensors(scratch, {
      [`${QUERY}.${part}`]: ['F32', [128, 2], new Float32Array(256).fill(1).fill(value, 9, 10)],
    });
    const tensor = readMlx({ ...base, stored: new Map([...base.stored, ...poisoned]) }).tensors.get(`${QUERY}.weight`)!;
    expect(readTensorRows(tensor, 0, 4)).toHaveLength(512);
    const { code, message } = errorOf(() => readTensorRows(tensor, 3, 2));
    expect(code).toBe('QUANTISED_TENSOR');
    expect(message).toContain('element 9');
  });
});
