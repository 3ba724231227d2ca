// The kernel of attention against its plain twin: positions around chunks' ends, heads of every size, every knob, on
// ordinary and on hostile operands, as a batch and one by one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { float32Bits } from '../../../numerics/float-bits.ts';
import type { AttentionShape, LayerAttention } from '../../wormhole/attention-engine.ts';
import { createEngineOnPool, createKernelMatmulEngine } from '../../wormhole/kernels/kernel-matmul-engine.ts';
import { createKernelPool } from '../../wormhole/kernels/kernel-pool.ts';
import { bf16Operands, OPERAND_KINDS, type OperandKind } from '../../wormhole/kernels/operands.fixture.ts';
import { MATH_FIDELITIES } from '../../wormhole/matmul-engine.ts';
import { attentionKnobs } from '../attention-knobs.ts';
import { parseDeviceOptions } from '../device-options.ts';
import { createPlainAttention } from './plain-attention.ts';

type KernelEngine = Awaited<ReturnType<typeof createKernelMatmulEngine>>;

const engines: KernelEngine[] = [];
let engine: KernelEngine;

beforeAll(async () => {
  for (const threads of [1, 2, 3]) engines.push(await createKernelMatmulEngine({ threads }));
  engine = engines[1]!;
});
afterAll(() => Promise.all(engines.map((each) => each.close())));

const SMALL: AttentionShape = { queryHeads: 4, keyValueHeads: 2, headDim: 32 };

interface Operands {
  readonly queries: Float32Array;
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/** Queries and values of a kind; keys half as large as queries, so that scores spread over a few binades. */
function operandsOf(
  { queryHeads, keyValueHeads, headDim }: AttentionShape,
  positions: number,
  kind: OperandKind,
): Operands {
  const row = keyValueHeads * headDim;
  return {
    queries: bf16Operands(positions * queryHeads * headDim, kind, 11),
    keys: bf16Operands(positions * row, kind, 12).map((value) => value / 2),
    values: bf16Operands(positions * row, kind, 13),
  };
}

function kernelOf(shape: AttentionShape, options: string, on: KernelEngine): LayerAttention {
  const kernel = on.openAttention(shape, attentionKnobs(shape, parseDeviceOptions(options)));
  if (kernel === undefined) throw new Error(`the kernel does not take on ${options}`);
  return kernel;
}

function fill(
  attention: LayerAttention,
  shape: AttentionShape,
  { keys, values }: Operands,
  from: number,
  to: number,
): void {
  const row = shape.keyValueHeads * shape.headDim;
  for (let position = from; position < to; position++) {
    attention.write(position, keys, position * row, values, position * row);
  }
}

/** Rows of the last positions of a sequence, computed at once. */
function attendLast(
  attention: LayerAttention,
  shape: AttentionShape,
  operands: Operands,
  first: number,
  rows: number,
): Float32Array {
  const width = shape.queryHeads * shape.headDim;
  return attention.attend(operands.queries.subarray(first * width), width, rows, first);
}

function expectSameBits(actual: Float32Array, golden: Float32Array, label: string): void {
  expect(actual.length).toBe(golden.length);
  for (let i = 0; i < golden.length; i++) {
    // Neither language says which NaN an operation gives; elsewhere this is equality of bits.
    if (Object.is(actual[i], golden[i])) continue;
    const bits = (value: number): string => float32Bits(value).toString(16);
    expect.fail(`${label}: element ${i} is ${bits(actual[i]!)}, twin ${bits(golden[i]!)}`);
  }
}

interface Case {
  readonly shape: AttentionShape;
  readonly options: string;
  readonly operands: Operands;
  /** Positions of the sequence, and how many of its last are compared. */
  readonly positions: number;
  readonly rows: number;
  readonly on?: readonly KernelEngine[];
}

function compare({ shape, options, operands, positions, rows, on = [engine] }: Case): void {
  const plain = createPlainAttention(shape, attentionKnobs(shape, parseDeviceOptions(options)));
  fill(plain, shape, operands, 0, positions);
  const golden = attendLast(plain, shape, operands, positions - rows, rows);
  for (const each of on) {
    const kernel = kernelOf(shape, options, each);
    fill(kernel, shape, operands, 0, positions);
    const actual = attendLast(kernel, shape, operands, positions - rows, rows);
    kernel.release();
    expectSameBits(actual, golden, JSON.stringify({ ...shape, options, positions, rows }));
  }
}

const RECIPES = ['tier=fast', 'recipe=ttnn-0.81,tier=fast', 'tier=fp32', 'tier=exact', 'recipe=ttnn-0.81,tier=exact'];

describe.each(RECIPES)('the attention kernel with %s', (options) => {
  it('equals the twin around the ends of chunks', () => {
    const operands = operandsOf(SMALL, 1101, 'plain');
    for (const position of [0, 1, 2, 30, 31, 32, 33, 63, 64, 511, 512, 513, 544, 1023, 1024, 1100]) {
      compare({ shape: SMALL, options, operands, positions: position + 1, rows: 1 });
    }
  });

  it('equals the twin for every number of rows at once', () => {
    const operands = operandsOf(SMALL, 110, 'plain');
    for (const rows of [1, 2, 3, 4, 5, 6, 7, 8, 9, 33]) {
      compare({ shape: SMALL, options, operands, positions: 110, rows });
    }
  });

  it.each([
    { queryHeads: 4, keyValueHeads: 2, headDim: 16 },
    { queryHeads: 2, keyValueHeads: 1, headDim: 20 },
    { queryHeads: 9, keyValueHeads: 3, headDim: 64 },
    { queryHeads: 7, keyValueHeads: 1, headDim: 48 },
    { queryHeads: 28, keyValueHeads: 4, headDim: 128 },
    { queryHeads: 40, keyValueHeads: 1, headDim: 32 },
    { queryHeads: 2, keyValueHeads: 2, headDim: 256 },
  ])('equals the twin for $queryHeads heads on $keyValueHeads of $headDim', (shape) => {
    const operands = operandsOf(shape, 66, 'plain');
    compare({ shape, options, operands, positions: 66, rows: 3 });
  });

  it.each(OPERAND_KINDS.filter((kind) => kind !== 'specials'))('equals the twin on %s operands', (kind) => {
    const shape = { ...SMALL, headDim: 96 };
    compare({ shape, options, operands: operandsOf(shape, 98, kind), positions: 98, rows: 4 });
  });

  it.each([
    { what: 'an infinite key', at: 'keys', value: Number.POSITIVE_INFINITY },
    { what: 'a key that is no number', at: 'keys', value: Number.NaN },
    { what: 'an infinite query', at: 'queries', value: Number.NEGATIVE_INFINITY },
    { what: 'a query that is no number', at: 'queries', value: Number.NaN },
    { what: 'an infinite value', at: 'values', value: Number.NEGATIVE_INFINITY },
    { what: 'a value that is no number', at: 'values', value: Number.NaN },
    { what: 'a huge key', at: 'keys', value: 3e38 },
  ] as const)('equals the twin with $what', ({ at, value }) => {
    for (const kvFormat of ['BFP8_B', 'BF16']) {
      const operands = operandsOf(SMALL, 105, 'plain');
      const row = operands[at].length / 105;
      operands[at][97 * row + 3] = value;
      operands[at].fill(value, 101 * row, 101 * row + 32);
      compare({ shape: SMALL, options: `${options},kvFormat=${kvFormat}`, operands, positions: 105, rows: 10 });
    }
  });

  it.each([-130, -120, -110, 90, 110, 120])('equals the twin on values around 2^%d', (power) => {
    const operands = operandsOf(SMALL, 100, 'plain');
    const values = operands.values.map((value) => Math.fround(value * 2 ** power));
    const scaled = { ...operands, values };
    for (const kvFormat of ['BFP8_B', 'BF16']) {
      const knobs = `${options},kvFormat=${kvFormat}`;
      compare({ shape: SMALL, options: knobs, operands: scaled, positions: 100, rows: 6 });
    }
  });

  it('gives the same bits on one, two and three threads', () => {
    const operands = operandsOf(SMALL, 300, 'plain');
    compare({ shape: SMALL, options, operands, positions: 300, rows: 15, on: engines });
  });

  it('gives the same bits in batches and one by one, whatever is written behind', () => {
    const operands = operandsOf(SMALL, 140, 'plain');
    const kernel = kernelOf(SMALL, options, engine);
    const width = SMALL.queryHeads * SMALL.headDim;
    const single = new Float32Array(140 * width);
    for (let position = 0; position < 140; position++) {
      fill(kernel, SMALL, operands, position, position + 1);
      single.set(attendLast(kernel, SMALL, operands, position, 1), position * width);
    }
    expectSameBits(attendLast(kernel, SMALL, operands, 0, 140), single, 'all at once');
    expectSameBits(attendLast(kernel, SMALL, operands, 37, 50), single.slice(37 * width, 87 * width), 'in the middle');
    kernel.release();
  });
});

const KNOBS = [
  ...MATH_FIDELITIES.map((fidelity) => `sdpaFidelity=${fidelity}`),
  ...['fastApprox', 'accurate2024', 'ttnn2026', 'exact'].map((exp) => `sdpaExp=${exp}`),
  ...['sdpaMerge=oneCore', 'gridRows=1', 'sdpaChunk=64', 'sdpaChunk=128', 'sdpaChunk=4096'],
  ...['eltwiseRounding=rtne', 'scaleBits=bf16Nearest', 'scaleBits=fp32', 'sfpuRoots=exact', 'sfpuRoots=2024'],
  ...['kvFormat=BF16', 'bfp8PackDoubleRound=false'],
];

describe.each(RECIPES)('every knob of attention with %s', (recipe) => {
  it.each(KNOBS)('%s', (knob) => {
    const operands = operandsOf(SMALL, 130, 'plain');
    compare({ shape: SMALL, options: `${recipe},${knob}`, operands, positions: 130, rows: 4 });
  });
});

describe('keys and values of the kernel', () => {
  it('give their memory back, after which the next sequence begins anew', async () => {
    const pool = await createKernelPool({ threads: 1 });
    const { heap } = pool.banks[0];
    const before = heap.allocate(1);
    heap.free(before);
    const operands = operandsOf(SMALL, 300, 'plain');
    const kernel = kernelOf(SMALL, '', createEngineOnPool(pool));
    fill(kernel, SMALL, operands, 0, 300);
    const golden = attendLast(kernel, SMALL, operands, 0, 40);
    kernel.release();
    expect(heap.allocate(2 ** 18)).toBe(before);
    expect(() => attendLast(kernel, SMALL, operands, 0, 1)).toThrow(/never written/);
    fill(kernel, SMALL, operands, 0, 40);
    expectSameBits(attendLast(kernel, SMALL, operands, 0, 40), golden, 'again');
    await pool.close();
  });
});

describe('a chunk that no scratch holds', () => {
  it('is left to the twin', () => {
    const shape = { ...SMALL, headDim: 8192 };
    expect(engine.openAttention(shape, attentionKnobs(shape, parseDeviceOptions('')))).toBeUndefined();
  });
});
