// bitsandbytes in 4 and 8 bits: held against what the library dequantises to float32, over block sizes and odd sides; distrust of quant_state.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { errorOf } from '../checkpoint.fixture.ts';
import { readTensorRows } from '../checkpoint-tensor.ts';
import { readSafetensorsHeader, readTensor } from '../safetensors.ts';
import { readBitsAndBytes } from './bitsandbytes.ts';
import type { StoredWeights } from './format.ts';
import {
  digestOf,
  expectedDigests,
  plainTensors,
  QUANTISED,
  storedWeights,
  valuesOfEveryCut,
  writtenTensors,
} from './quantised-folder.fixture.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-bnb-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const VECTORS = join(QUANTISED, 'bnb-vectors');
const { cases } = JSON.parse(readFileSync(join(VECTORS, 'vectors.json'), 'utf8')) as {
  cases: { name: string; shape: [number, number]; sha256: string }[];
};
const vectors = plainTensors(join(VECTORS, 'vectors.safetensors'));

type Parts = Parameters<typeof writtenTensors>[1];

/** Stored tensors of some weight, with some changed or, where undefined, left out. */
function changed(
  name: string,
  file: string,
  changes: Readonly<Record<string, Parts[string] | undefined>>,
): StoredWeights['stored'] {
  const header = readSafetensorsHeader(file);
  const parts: Record<string, Parts[string]> = {};
  for (const [key, { dtype, shape }] of header.tensors) {
    if (key.startsWith(name.slice(0, -'weight'.length))) parts[key] = [dtype, shape, readTensor(header, key).bytes];
  }
  for (const [key, part] of Object.entries(changes)) {
    if (part === undefined) delete parts[`${name}${key}`];
    else parts[`${name}${key}`] = part;
  }
  return writtenTensors(scratch, parts);
}

function json(state: unknown): Parts[string] {
  const bytes = new TextEncoder().encode(typeof state === 'string' ? state : JSON.stringify(state));
  return ['U8', [bytes.length], bytes];
}

describe('checkpoints of bitsandbytes', () => {
  it.each([
    ['bnb-nf4', 'bitsandbytes nf4, blocks of 64, double quantisation'],
    ['bnb-fp4', 'bitsandbytes fp4, blocks of 128'],
    ['bnb-int8', 'bitsandbytes int8'],
  ])('%s: every tensor has the bits that the library gives', (name, encoding) => {
    const weights = storedWeights(name);
    const decoded = readBitsAndBytes(weights);
    const expected = Object.entries(expectedDigests(name));
    expect(expected).toHaveLength(7);
    for (const [key, digest] of expected)
      expect([key, digestOf(valuesOfEveryCut(decoded.tensors.get(key)!))]).toEqual([key, digest]);
    expect(decoded.encoding).toBe(encoding);
    expect([...decoded.tensors.keys()].sort()).toEqual(expected.map(([key]) => key).sort());
    expect(decoded.notes).toEqual(
      name === 'bnb-int8' ? [expect.stringContaining('activations are quantised too')] : [],
    );
    const bytes = [...weights.stored.values()].reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    const counted = [...decoded.tensors.values()].reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    expect(counted).toBeLessThan(bytes);
    expect(counted).toBeGreaterThan(0.95 * bytes);
  });

  it.each(cases)('$name', ({ name, shape, sha256 }) => {
    const weights = { path: 'config.json', settings: {}, stored: vectors, expected: new Map([[name, shape]]) };
    expect(digestOf(valuesOfEveryCut(readBitsAndBytes(weights).tensors.get(name)!))).toBe(sha256);
  });
});

describe('a quant_state that is not believed', () => {
  const { name, shape } = cases.find((one) => one.name.startsWith('nf4-64-7x90'))!;
  const state = { quant_type: 'nf4', blocksize: 64, dtype: 'float32', shape };
  const nested = { nested_blocksize: 256, nested_dtype: 'float32', nested_offset: 1.5 };
  const KEY = '.quant_state.bitsandbytes__nf4';
  const read = (
    changes: Readonly<Record<string, Parts[string] | undefined>>,
    settings = {},
  ): ReturnType<typeof readBitsAndBytes> =>
    readBitsAndBytes({
      path: 'config.json',
      settings,
      stored: changed(name, join(VECTORS, 'vectors.safetensors'), changes),
      expected: new Map([[name, shape]]),
    });

  it('is read where it is right', () => {
    expect(read({ [KEY]: json({ ...state, ...nested }) }).tensors.get(name)).toMatchObject({ shape });
  });

  it.each<[string, Parts[string] | undefined, string]>([
    ['missing', undefined, 'exactly one quant_state'],
    ['no JSON', json('{"quant_type": "nf4", '), 'no JSON'],
    ['no object', json([state]), 'no JSON object'],
    ['NaN, which Python writes', json('{"nested_offset": NaN}'), 'no JSON'],
    ['of another type', json({ ...state, ...nested, quant_type: 'fp4' }), 'quant_type "fp4"'],
    ['of another shape', json({ ...state, ...nested, shape: [shape[1], shape[0]] }), 'shape [90,7]'],
    ['with an unknown block size', json({ ...state, ...nested, blocksize: 63 }), 'blocksize 63'],
    ['with a huge block size', json({ ...state, ...nested, blocksize: 1e308 }), 'blocksize'],
    ['with another block size than there are maxima', json({ ...state, ...nested, blocksize: 128 }), 'absmax'],
    ['with an unknown dtype', json({ ...state, ...nested, dtype: 'float8' }), 'dtype'],
    ['without the nesting', json(state), 'nested_blocksize'],
    ['with a nesting of no size', json({ ...state, ...nested, nested_blocksize: 0 }), 'nested_blocksize 0'],
    ['with an offset beyond float32', json({ ...state, ...nested, nested_offset: 1e39 }), 'nested_offset'],
    ['with an offset that is none', json({ ...state, ...nested, nested_offset: '1' }), 'nested_offset'],
    ['with a field that nobody knows', json({ ...state, ...nested, rotated: true }), 'rotated'],
    ['larger than any', json(' '.repeat(5000)), 'at most 4096'],
    ['of another dtype', ['I8', [2], new Int8Array(2)], 'I8 [2]'],
  ])('%s', (_, part, text) => {
    const { code, message } = errorOf(() => read({ [KEY]: part }));
    expect(code).toBe('QUANTISED_TENSOR');
    expect(message).toContain(text);
    expect(message).toContain(name);
  });

  it.each<[string, Readonly<Record<string, Parts[string] | undefined>>, string]>([
    ['no maxima', { '.absmax': undefined }, 'is missing'],
    ['maxima of another dtype', { '.absmax': ['F32', [10], new Float32Array(10)] }, 'F32 [10]'],
    ['too few outer maxima', { '.nested_absmax': ['F32', [2], new Float32Array(2)] }, '[2]'],
    ['codes of another length', { '': ['U8', [100, 1], new Uint8Array(100)] }, '[100, 1]'],
    ['two states', { '.quant_state.bitsandbytes__fp4': json(state) }, 'exactly one'],
  ])('%s', (_, changes, text) => {
    const { code, message } = errorOf(() => read(changes));
    expect(code).toBe('QUANTISED_TENSOR');
    expect(message).toContain(text);
  });

  it('another table of values is not read', () => {
    const map = Float32Array.from({ length: 16 }, (_, i) => i / 8 - 1);
    expect(errorOf(() => read({ '.quant_map': ['F32', [16], map] })).code).toBe('QUANTISED_UNSUPPORTED');
  });

  it.each([
    ['llm_int8_has_fp16_weight', true],
    ['bnb_4bit_quant_storage', 'bfloat16'],
    ['llm_int8_skip_modules', [name.slice(0, -'.weight'.length)]],
    ['target_parameters', ['x']],
  ])('settings: %s %j', (key, value) => {
    const { code, message } = errorOf(() => read({}, { [key]: value }));
    expect(code).toBe('QUANTISED_UNSUPPORTED');
    expect(message).toContain(key);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('a maximum of %s is said, whatever it is of', (value) => {
    for (const [key, length] of [
      ['.nested_absmax', 1],
      ['.nested_quant_map', 256],
    ] as const) {
      const tensor = read({ [key]: ['F32', [length], new Float32Array(length).fill(value)] }).tensors.get(name)!;
      expect(errorOf(() => readTensorRows(tensor, 1, 1)).message).toContain(key);
    }
  });
});

describe('8-bit codes', () => {
  const name = 'model.layers.0.self_attn.k_proj.weight';
  const read = (changes: Readonly<Record<string, Parts[string] | undefined>>): ReturnType<typeof readBitsAndBytes> => {
    const weights = storedWeights('bnb-int8');
    const stored = new Map(changed(name, join(QUANTISED, 'bnb-int8/quantised.safetensors'), {}));
    for (const [key, part] of Object.entries(changes)) {
      stored.delete(key);
      if (part !== undefined) stored.set(key, writtenTensors(scratch, { [key]: part }).get(key)!);
    }
    return readBitsAndBytes({ ...weights, stored });
  };
  const SCB = name.replace('weight', 'SCB');

  it.each<[string, Readonly<Record<string, Parts[string] | undefined>>, string]>([
    ['no scales', { [SCB]: undefined }, 'is missing'],
    ['too few scales', { [SCB]: ['F32', [63], new Float32Array(63)] }, 'F32 [63]'],
    ['an order of another chip', { [name.replace('weight', 'weight_format')]: ['U8', [], Uint8Array.of(2)] }, 'order'],
    ['turned sides', { [name]: ['I8', [128, 64], new Int8Array(8192)] }, '[128, 64]'],
  ])('%s', (_, changes, text) => {
    const { code, message } = errorOf(() => read(changes));
    expect(code).toBe('QUANTISED_TENSOR');
    expect(message).toContain(text);
  });

  it('a scale that is no number is said; one of zero is a row of zeros', () => {
    const scales = new Float32Array(64).fill(Number.NaN, 5, 6);
    const tensor = read({ [SCB]: ['F32', [64], scales] }).tensors.get(name)!;
    expect(readTensorRows(tensor, 0, 5).every((value) => value === 0)).toBe(true);
    expect(errorOf(() => readTensorRows(tensor, 4, 2)).message).toContain('element 5');
  });
});
