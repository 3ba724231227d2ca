// Knob `storedFormats`: every tap and logit is a value of its format, the arithmetic stays exact, and without it nothing changes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKernelMatmulEngine } from '../wormhole/kernels/kernel-matmul-engine.ts';
import type { MatmulEngine } from '../wormhole/matmul-engine.ts';
import { parseDeviceOptions } from './device-options.ts';
import { openFixture } from './graph.fixture.ts';
import { createN150Source } from './n150-source.ts';

let engine: MatmulEngine;
beforeAll(async () => {
  engine = await createKernelMatmulEngine({ threads: 1 });
});
afterAll(() => engine.close());

const TOKENS = Int32Array.of(5, 77, 301, 12, 900);
const EXACT_WEIGHTS = 'tier=fp32,weightFormat=BF16,lmHeadFormat=BF16,biasFormat=BF16';

/** Of the last row. */
async function run(options: string): Promise<{ taps: Map<string, Float32Array>; logits: Float32Array }> {
  const source = await createN150Source(openFixture('tiny-qwen2'), parseDeviceOptions(options), engine);
  let last: { taps: Map<string, Float32Array>; logits: Float32Array } | undefined;
  await source.feed(TOKENS, { rows: 'last', taps: source.taps }, (row) => {
    last = { taps: new Map([...row.taps].map(([tap, values]) => [tap, values.slice()])), logits: row.logits.slice() };
  });
  await source.close();
  return last!;
}

const isBf16 = (values: Float32Array): boolean =>
  Array.from(new Uint32Array(values.buffer, values.byteOffset, values.length)).every((bits) => (bits & 0xffff) === 0);
const distance = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / b.reduce((sum, value) => sum + value ** 2, 0));

describe('storedFormats', () => {
  it('gives rows of bfloat16 at every tap, near those without it', async () => {
    const [stored, plain] = [await run(`${EXACT_WEIGHTS},storedFormats=true,kvFormat=BF16`), await run(EXACT_WEIGHTS)];
    expect(stored.taps.size).toBeGreaterThan(80);
    for (const [tap, values] of stored.taps) expect(isBf16(values), tap).toBe(true);
    expect(isBf16(plain.taps.get('norm.out')!)).toBe(false);
    for (const [tap, values] of stored.taps) expect(distance(values, plain.taps.get(tap)!), tap).toBeLessThan(0.03);
  });

  it('packs keys, values and logits as their knobs say, in blocks of one exponent', async () => {
    const knobs = `${EXACT_WEIGHTS},storedFormats=true`;
    const [bf16, kv, logits] = [
      await run(`${knobs},kvFormat=BF16,logitsFormat=BF16`),
      await run(`${knobs},kvFormat=BFP8_B,logitsFormat=BF16`),
      await run(`${knobs},kvFormat=BF16,logitsFormat=BFP8_B`),
    ];
    // What is projected does not know of the cache; what attention reads does.
    const before = 'layers.0.self_attn.k_rotated';
    expect(kv.taps.get(before)).toEqual(bf16.taps.get(before));
    expect(kv.taps.get('layers.0.self_attn.o_proj.in')).not.toEqual(bf16.taps.get('layers.0.self_attn.o_proj.in'));
    expect(logits.taps.get('norm.out')).toEqual(bf16.taps.get('norm.out'));
    for (let start = 0; start < logits.logits.length; start += 16) {
      const block = logits.logits.subarray(start, start + 16);
      const largest = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const unit = 2 ** (Math.floor(Math.log2(largest)) - 6);
      expect(block.every((value) => Number.isInteger(value / unit))).toBe(true);
    }
  });

  it('is refused where the tier rounds what it stores anyway', () => {
    expect(() => parseDeviceOptions('storedFormats=true')).toThrow(/round what is stored as they are/);
  });
});
