// compressed-tensors against the library's own decompression: every format, width and strategy; what is not read is refused by name.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { errorOf } from '../../checkpoint.fixture.ts';
import { readWholeTensor } from '../../checkpoint-tensor.ts';
import { digestOf, expectedDigests, storedWeights } from '../quantised-folder.fixture.ts';
import {
  checkpointOf,
  damagedPart,
  digestOfCase,
  digestOfOnly,
  type VectorCase,
  vectorCases,
} from '../quantised-vectors.fixture.ts';
import { readCompressedTensors } from './compressed-tensors.ts';

const FOLDER = 'compressed-tensors';
const CASES = vectorCases(FOLDER);
const caseOf = (name: string): VectorCase => CASES.find((one) => one.name === name)!;
const PACKED = caseOf('pack-4-40x96-group-asymmetric');
const REORDERED = caseOf('pack-4-40x96-reordered');
const FP8 = caseOf('float-quantized-float-block');
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-compressed-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('readCompressedTensors', () => {
  it.each(CASES)('gives the values of compressed-tensors: $name', (vector) => {
    expect(digestOfCase(readCompressedTensors, FOLDER, vector)).toBe(vector.sha256);
  });

  it.each([
    {
      name: 'compressed-tensors-pack',
      encoding:
        'compressed-tensors, pack-quantized int8, a scale a row, asymmetric, pack-quantized int4 in groups of 32, pack-quantized int3 in groups of 16, asymmetric',
      notes: [],
    },
    {
      name: 'compressed-tensors-w8a8',
      encoding:
        'compressed-tensors, int-quantized int8, a scale a row, float-quantized float8 in blocks of 128 x 96, float-quantized float8, a scale a tensor',
      notes: ['activations are quantised in this scheme and are not emulated'],
    },
  ])('decodes layer 0 of the tiny checkpoint: $name', ({ name, encoding, notes }) => {
    const read = readCompressedTensors(storedWeights(name));
    expect(read).toMatchObject({ encoding, notes });
    const digests = Object.entries(expectedDigests(name));
    expect(read.tensors.size).toBe(digests.length);
    for (const [tensor, sha256] of digests) {
      expect(digestOf(readWholeTensor(read.tensors.get(tensor)!)), tensor).toBe(sha256);
    }
  });

  it.each([
    {
      name: 'codes of other columns',
      vector: PACKED,
      part: 'weight_packed',
      damage: (bytes: Buffer) => bytes.swap32(),
    },
    { name: 'other zero points', vector: PACKED, part: 'weight_zero_point', damage: (bytes: Buffer) => bytes.swap32() },
    {
      name: 'another order of columns',
      vector: REORDERED,
      part: 'weight_g_idx',
      damage: (bytes: Buffer) => bytes.reverse().swap32(),
    },
    { name: 'other scales', vector: FP8, part: 'weight_scale', damage: (bytes: Buffer) => bytes.reverse().swap16() },
  ])('sees $name', ({ vector, part, damage }) => {
    const changed = damagedPart(FOLDER, vector, { part, scratch, damage });
    expect(digestOfOnly(readCompressedTensors, changed)).not.toBe(vector.sha256);
  });
});

const group = (change: object, vector: VectorCase = PACKED): Record<string, unknown> => {
  const { group_0 } = vector.settings['config_groups'] as { group_0: Record<string, unknown> };
  return { config_groups: { group_0: { ...group_0, ...change } } };
};
const weights = (change: object): Record<string, unknown> => {
  const { group_0 } = PACKED.settings['config_groups'] as { group_0: { weights: object } };
  return group({ weights: { ...group_0.weights, ...change } });
};

describe('readCompressedTensors refuses', () => {
  it.each([
    { name: 'nvfp4', settings: group({ format: 'nvfp4-pack-quantized' }), said: 'nvfp4-pack-quantized' },
    { name: 'mxfp4', settings: group({ format: 'mxfp4-pack-quantized' }), said: 'mxfp4-pack-quantized' },
    { name: 'marlin-24', settings: group({ format: 'marlin-24' }), said: 'marlin-24' },
    {
      name: 'a format of no group',
      settings: { ...group({ format: null }), format: 'mixed-precision' },
      said: 'format',
    },
    { name: 'dense', settings: { ...group({ format: null }), format: 'dense' }, said: 'format' },
    { name: 'sparsity', settings: { sparsity_config: { format: 'sparse-24-bitmask' } }, said: 'sparse-24-bitmask' },
    { name: 'a quantised KV cache', settings: { kv_cache_scheme: { num_bits: 8 } }, said: 'KV cache' },
    { name: 'transforms', settings: { transform_config: { R1: {} } }, said: 'transform_config' },
    { name: 'an unknown field', settings: { rotation: 'x' }, said: 'quantization_config.rotation is not known' },
    { name: 'an unknown field of weights', settings: weights({ outliers: 3 }), said: 'weights.outliers is not known' },
    { name: 'dynamic weights', settings: weights({ dynamic: true }), said: 'weights.dynamic' },
    { name: 'a strategy of activations', settings: weights({ strategy: 'token' }), said: 'strategy' },
    { name: 'tensor groups', settings: weights({ strategy: 'tensor_group' }), said: 'strategy' },
    { name: '9 bits', settings: weights({ num_bits: 9 }), said: 'num_bits' },
    { name: 'float codes of 4 bits', settings: weights({ type: 'float' }), said: 'type' },
    { name: 'groups that are no divisor', settings: weights({ group_size: 36 }), said: 'whole groups' },
    { name: 'groups of no size', settings: weights({ group_size: null, strategy: 'group' }), said: 'group_size' },
    { name: 'no groups', settings: { config_groups: {} }, said: 'config_groups' },
    { name: 'a preset', settings: { config_groups: { W4A16: ['Linear'] } }, said: 'W4A16' },
    { name: 'a pattern of Python only', settings: { ignore: ['re:(?P<a>x)'] }, said: 'pattern' },
  ])('$name', ({ settings, said }) => {
    const checkpoint = checkpointOf(FOLDER, PACKED);
    const error = errorOf(() =>
      readCompressedTensors({ ...checkpoint, settings: { ...PACKED.settings, ...settings } }),
    );
    expect([error.code, error.message]).toEqual(['QUANTISED_UNSUPPORTED', expect.stringContaining(said)]);
  });

  it.each([
    { name: 'a part that is missing', vector: PACKED, part: 'weight_scale', said: 'weight_scale is missing' },
    {
      name: 'zero points that are missing',
      vector: PACKED,
      part: 'weight_zero_point',
      said: 'weight_zero_point is missing',
    },
    { name: 'an order that is missing', vector: REORDERED, part: 'weight_g_idx', said: 'no weight_g_idx' },
    { name: 'a weight that is missing', vector: FP8, part: 'weight', said: undefined },
  ])('$name', ({ vector, part, said }) => {
    const checkpoint = checkpointOf(FOLDER, vector);
    checkpoint.stored.delete(`${vector.name}.${part}`);
    // Without its codes a matrix is no matrix of the model, which those who know the model say.
    if (said === undefined)
      expect([...readCompressedTensors(checkpoint).tensors.keys()]).toEqual([`${vector.name}.weight_scale`]);
    else expect(errorOf(() => readCompressedTensors(checkpoint)).message).toContain(said);
  });

  it.each([
    {
      name: 'a scale that is no number',
      vector: PACKED,
      part: 'weight_scale',
      at: 1,
      byte: 0x7f,
      said: 'a scale that is NaN',
    },
    {
      name: 'a weight that is no number',
      vector: FP8,
      part: 'weight',
      at: 3 * 96 + 5,
      byte: 0xff,
      said: 'row 3, column 5',
    },
    { name: 'another shape', vector: PACKED, part: 'weight_shape', at: 0, byte: 41, said: '[41, 96]' },
    {
      name: 'groups of unequal size',
      vector: REORDERED,
      part: 'weight_g_idx',
      at: 0,
      byte: 7,
      said: 'as many columns into each group',
    },
  ])('$name', ({ vector, part, at, byte, said }) => {
    const damage = (bytes: Buffer): void => {
      bytes[at] = byte;
      if (part === 'weight_scale') bytes[at - 1] = 0xc0;
    };
    const changed = damagedPart(FOLDER, vector, { part, scratch, damage });
    const error = errorOf(() => digestOfOnly(readCompressedTensors, changed));
    expect([error.code, error.message]).toEqual(['QUANTISED_TENSOR', expect.stringContaining(said)]);
  });
});
