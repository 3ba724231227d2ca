// Flash decode: worked facts of n150-numerics C.3, and its result against softmax in float64.
import { describe, expect, it } from 'vitest';
import { roundToBf16TiesEven } from '../../../numerics/bf16.ts';
import { float32Bits } from '../../../numerics/float-bits.ts';
import { attentionKnobs } from '../attention-knobs.ts';
import type { N150Config } from '../compute-config.ts';
import { parseDeviceOptions } from '../device-options.ts';
import { pccOf } from '../graph.fixture.ts';
import { type AttentionDecode, createAttentionDecode } from './attention-decode.ts';
import { createMultiply } from './eltwise.ts';
import { hostScalar } from './host-scalars.ts';

const HEAD_DIM = 64;
const SHAPE = { headDim: HEAD_DIM, keyValueHeads: 4 };

function attention(config: N150Config): AttentionDecode {
  return createAttentionDecode(SHAPE, attentionKnobs(SHAPE, config));
}

/** Seeded values in [-1, 1), rounded to BF16. */
function randomBf16(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return roundToBf16TiesEven(Math.fround(state / 2 ** 31 - 1));
  });
}

const POSITIONS = 700;
const query = randomBf16(HEAD_DIM, 1).map((value) => 4 * value);
const heads = { keys: randomBf16(POSITIONS * HEAD_DIM, 2), values: randomBf16(POSITIONS * HEAD_DIM, 3) };

function inFloat64(position: number): Float32Array {
  const scores = Array.from({ length: position + 1 }, (_, p) => {
    let dot = 0;
    for (let d = 0; d < HEAD_DIM; d++) dot += query[d]! * heads.keys[p * HEAD_DIM + d]!;
    return dot / Math.sqrt(HEAD_DIM);
  });
  const maximum = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - maximum));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Float32Array.from({ length: HEAD_DIM }, (_, d) => {
    let sum = 0;
    for (let p = 0; p <= position; p++) sum += weights[p]! * heads.values[p * HEAD_DIM + d]!;
    return sum / total;
  });
}

function attend(options: string, position: number): Float32Array {
  const out = new Float32Array(HEAD_DIM);
  attention(parseDeviceOptions(options))(query, 0, heads, position, out, 0);
  return out;
}

describe('attention scale', () => {
  it('is 3DB5 for 128 dimensions and counts as 3DB4 in SrcB (C.3 step 2)', () => {
    const config = parseDeviceOptions('');
    const scale = hostScalar(1 / Math.sqrt(128), config);
    expect(float32Bits(scale)).toBe(0x3db5_0000);
    expect(createMultiply(config, 'HiFi2')(1, scale)).toBe(0.087890625);
  });
});

describe('attention decode', () => {
  it('of one key gives its value, scaled by what exp(0) and its reciprocal leave', () => {
    const out = attend('tier=exact', 0);
    for (let d = 0; d < HEAD_DIM; d++) {
      // P = 0.9765625 = 0xFA / 256 keeps its bits in SrcB but the last; 1/l loses its last one too: 2^-7 each.
      expect(Math.abs(out[d]! / heads.values[d]! - 1)).toBeLessThan(2 * 2 ** -7);
    }
  });

  it.each([0, 31, 32, 100, 511, 512, 699])('in float32 is softmax attention at position %d', (position) => {
    const out = attend('tier=fp32', position);
    const wanted = inFloat64(position);
    for (let d = 0; d < HEAD_DIM; d++) expect(Math.abs(out[d]! - wanted[d]!)).toBeLessThan(1e-5);
  });

  it.each([
    { options: 'tier=fast', pcc: 0.998 },
    { options: 'tier=exact', pcc: 0.998 },
    { options: 'tier=exact,sdpaExp=exact', pcc: 0.9995 },
  ])('with $options keeps PCC $pcc against float64 over four chunks', ({ options, pcc }) => {
    const measured = pccOf(inFloat64(100), attend(options, 100));
    expect(measured).toBeGreaterThan(pcc);
    expect(measured).toBeLessThan(1 - 1e-6);
  });

  it.each(['fast', 'exact'])('in tier %s is nearer to float64 with a 32-bit Dst than with a 16-bit one', (tier) => {
    const options = `tier=${tier},recipe=ttnn-0.81,sdpaExp=exact,sdpaFidelity=HiFi4`;
    const errorOf = (knobs: string): number => 1 - pccOf(inFloat64(100), attend(knobs, 100));
    const [narrow, wide] = [errorOf(options), errorOf(`${options},sdpaFp32DestAcc=true`)];
    process.stdout.write(
      `attention, tier ${tier}: 1 - PCC ${narrow.toExponential(1)} with 16 bits, ${wide.toExponential(1)} with 32\n`,
    );
    expect(wide).toBeLessThan(narrow);
    expect(wide).toBeGreaterThan(0);
  });

  it('does not look beyond its position', () => {
    const before = attend('tier=exact', 40);
    const changed = { keys: heads.keys.slice(), values: heads.values.slice() };
    changed.keys.fill(100, 41 * HEAD_DIM);
    changed.values.fill(100, 41 * HEAD_DIM);
    const after = new Float32Array(HEAD_DIM);
    attention(parseDeviceOptions('tier=exact'))(query, 0, changed, 40, after, 0);
    expect(after).toEqual(before);
  });

  it('depends on how chunks are shared among cores', () => {
    expect(attend('tier=exact,sdpaMerge=oneCore', 100)).not.toEqual(attend('tier=exact', 100));
    expect(attend('tier=exact,sdpaChunk=64', 100)).not.toEqual(attend('tier=exact', 100));
  });

  it('follows the compute grid: 2 of 8 cores for each of four heads hold what 16 of 64 do until two chunks are full', () => {
    expect(attend('tier=exact,gridRows=1', 63)).toEqual(attend('tier=exact', 63));
    expect(attend('tier=exact,gridRows=1', 64)).not.toEqual(attend('tier=exact', 64));
  });
});
