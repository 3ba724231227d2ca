// A checkpoint's weights on their way to the device: what is not finite is refused by name, whichever way it comes.
import { closeSync, cpSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { plainTensor } from '../../checkpoint/checkpoint.fixture.ts';
import { type Checkpoint, openCheckpoint } from '../../checkpoint/weights.ts';
import { InputError, UsageError } from '../../errors.ts';
import type { LoadedMatrix, MatmulEngine } from '../wormhole/matmul-engine.ts';
import { createPlainMatmulEngine } from '../wormhole/matrix-unit/matmul.ts';
import { parseDeviceOptions } from './device-options.ts';
import { type DeviceWeights, loadDeviceWeights, requireWeightPlan, type WeightOptions } from './device-weights.ts';
import { fixturePath } from './graph.fixture.ts';

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-weights-'));
});
afterEach(() => rmSync(scratch, { recursive: true }));

/** bfloat16 patterns. */
const NAN = 0x7fc0;
const MINUS_INFINITY = 0xff80;

interface Spoilt {
  readonly tensor: string;
  /** Element of the tensor and what is written there. */
  readonly elements: readonly (readonly [index: number, pattern: number])[];
}

/** A copy of a tiny checkpoint with some elements replaced. */
function spoil({ tensor, elements }: Spoilt): Checkpoint {
  const folder = join(scratch, 'model');
  cpSync(fixturePath('tiny-qwen2'), folder, { recursive: true });
  const checkpoint = openCheckpoint(folder);
  const { file, offsetBytes, dtype } = plainTensor(checkpoint, tensor);
  expect(dtype).toBe('BF16');
  const descriptor = openSync(file, 'r+');
  for (const [index, pattern] of elements) {
    writeSync(descriptor, Uint8Array.of(pattern & 0xff, pattern >>> 8), 0, 2, offsetBytes + 2 * index);
  }
  closeSync(descriptor);
  return checkpoint;
}

function load(checkpoint: Checkpoint, options: WeightOptions = {}, knobs = ''): Promise<DeviceWeights> {
  return loadDeviceWeights(checkpoint, parseDeviceOptions(knobs), createPlainMatmulEngine(), options);
}

const Q_PROJ: Spoilt = {
  tensor: 'model.layers.1.self_attn.q_proj.weight',
  elements: [
    [5 * 128 + 7, NAN],
    [9 * 128 + 1, MINUS_INFINITY],
  ],
};

describe('device weights that are not finite', () => {
  it.each([
    { ...Q_PROJ, found: '2 of 16384 values', first: 'NaN at [5, 7]' },
    {
      tensor: 'model.layers.0.mlp.down_proj.weight',
      elements: [[0, MINUS_INFINITY]],
      found: '1 of',
      first: '-Infinity at [0, 0]',
    },
    { tensor: 'model.layers.2.self_attn.k_proj.bias', elements: [[3, NAN]], found: '1 of', first: 'NaN at [3]' },
    {
      tensor: 'model.layers.2.input_layernorm.weight',
      elements: [[127, NAN]],
      found: '1 of 128',
      first: 'NaN at [127]',
    },
    {
      tensor: 'model.layers.0.post_attention_layernorm.weight',
      elements: [[1, NAN]],
      found: '1 of 128',
      first: 'NaN at [1]',
    },
    { tensor: 'model.norm.weight', elements: [[2, MINUS_INFINITY]], found: '1 of 128', first: '-Infinity at [2]' },
  ] as const)('are refused by name, number and first place: $tensor', async ({ tensor, elements, found, first }) => {
    const refused = load(spoil({ tensor, elements }));
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow(tensor);
    await expect(refused).rejects.toMatchObject({
      code: 'WEIGHTS_NOT_FINITE',
      facts: { found: expect.stringContaining(found), first },
    });
  });

  it.each(['weightFormat=BFP4_B', 'weightFormat=BF16', 'tier=fp32', 'recipe=ttnn-0.81'])(
    'are refused with %s',
    async (knobs) => {
      await expect(load(spoil(Q_PROJ), {}, knobs)).rejects.toMatchObject({ code: 'WEIGHTS_NOT_FINITE' });
    },
  );

  it.each([1, undefined])(
    'leave no file in a weight cache, and are refused each time (memory %s)',
    async (memoryBytes) => {
      const checkpoint = spoil(Q_PROJ);
      const options = { weightCache: join(scratch, 'cache'), ...(memoryBytes === undefined ? {} : { memoryBytes }) };
      for (let run = 0; run < 2; run++) {
        await expect(load(checkpoint, options)).rejects.toThrow(Q_PROJ.tensor);
      }
      const files = readdirSync(scratch, { recursive: true, encoding: 'utf8' }).map((file) => basename(file));
      expect(files.filter((file) => file.includes('layers.1.self_attn.wqkv'))).toEqual([]);
    },
  );

  it.each([undefined, 'cache'])('leave nothing of theirs in the engine (weight cache: %s)', async (cache) => {
    const checkpoint = spoil(Q_PROJ);
    const plain = createPlainMatmulEngine();
    const held = new Set<LoadedMatrix>();
    const engine: MatmulEngine = {
      ...plain,
      reserve(shape) {
        const reserved = plain.reserve(shape);
        held.add(reserved.matrix);
        return reserved;
      },
      release(matrix) {
        held.delete(matrix);
        plain.release(matrix);
      },
    };
    const options = cache === undefined ? {} : { weightCache: join(scratch, cache) };
    await expect(loadDeviceWeights(checkpoint, parseDeviceOptions(''), engine, options)).rejects.toThrow(InputError);
    expect(held.size).toBe(0);
  });

  it('are refused in a row of the embedding when its token comes, and only then', async () => {
    const tensor = 'model.embed_tokens.weight';
    const untied = spoil({ tensor, elements: [[3 * 128 + 4, NAN]] });
    const weights = await load(untied);
    const row = new Float32Array(128);
    weights.embed(2, row, 0);
    expect(row.every(Number.isFinite)).toBe(true);
    expect(() => weights.embed(3, row, 0)).toThrow(InputError);
    expect(() => weights.embed(3, row, 0)).toThrow(/embed_tokens[\s\S]*NaN at \[3, 4\]/);
  });
});

describe('the plan of the weights', () => {
  const checkpoint = openCheckpoint(fixturePath('tiny-qwen2'));
  const config = parseDeviceOptions('');

  it('is refused before anything is opened when they must be streamed and there is no cache', () => {
    const refused = (): unknown => requireWeightPlan(checkpoint, config, { memoryBytes: 1 });
    expect(refused).toThrow(UsageError);
    expect(refused).toThrow(/--weight-cache/);
  });

  it.each([
    { name: 'a cache', options: { memoryBytes: 1, weightCache: 'anywhere' }, mode: 'streamed' },
    { name: 'room', options: { memoryBytes: 2 ** 30 }, mode: 'resident' },
  ])('is told when there is $name', ({ options, mode }) => {
    expect(requireWeightPlan(checkpoint, config, options).mode).toBe(mode);
  });
});
