// BFP8_B and BFP4_B: the worked groups of n150-numerics A.3 and A.4, every datum, and the simulator's vectors.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bf16FromFloat32Bits, valueFromBf16 } from './bf16.ts';
import { bf16FromBfp4, bf16FromBfp8 } from './block-float.ts';
import { cutBfp8ToBfp4, packDeviceBlock } from './block-float-device.ts';
import { type HostBfpRounding, packHostBlock } from './block-float-host.ts';
import { bitsOf, float32Bits } from './float-bits.ts';

const vectors = (name: string): Buffer => readFileSync(new URL(`../../fixtures/vectors/${name}`, import.meta.url));

const hostBytes = (values: readonly number[], rounding: HostBfpRounding, format: 'BFP8_B' | 'BFP4_B' = 'BFP8_B') => {
  const group = new Float32Array(16);
  group.set(values);
  const bytes = new Uint8Array(16);
  return { exponent: packHostBlock(bitsOf(group), format, rounding, bytes), bytes: [...bytes] };
};

describe('packHostBlock', () => {
  const group = [
    1.0, -0.3, 0.01, 2.5, -2.4921875, 0.015625, 1.9921875, 0.02, -0.0234375, 3.99, 0.7, -1e-9, 0.0546875, 0, 0.0078125,
    0.0390625,
  ];
  const shared = [0x20, 0x8a, 0x00, 0x50, 0xd0];
  const rest = [0x40, 0x01, 0x81, 0x7f, 0x16, 0x00, 0x02, 0x00, 0x00, 0x01];

  it.each([
    { rounding: 'halfUp', tie: 0x01 },
    { rounding: 'nearestEven', tie: 0x00 },
  ] as const)('packs the worked group of A.3 with $rounding', ({ rounding, tie }) => {
    expect(hostBytes(group, rounding)).toEqual({ exponent: 0x80, bytes: [...shared, tie, ...rest] });
  });

  it('takes denormals for zero and infinity for a large exponent', () => {
    expect(hostBytes([1e-40, -1e-40], 'nearestEven')).toEqual({ exponent: 0, bytes: new Array(16).fill(0) });
    expect(hostBytes([Number.NEGATIVE_INFINITY, 1], 'halfUp').exponent).toBe(255);
    expect(hostBytes([Number.NEGATIVE_INFINITY, 1], 'halfUp').bytes.slice(0, 2)).toEqual([0xc0, 0]);
  });

  it('saturates BFP4_B at 7 and keeps the sign in bit 3', () => {
    expect(hostBytes([1.99, -1.0, 0.25, -0.125], 'halfUp', 'BFP4_B').bytes.slice(0, 4)).toEqual([7, 0xc, 1, 9]);
    expect(hostBytes([1.99, -1.0, 0.25, -0.125], 'nearestEven', 'BFP4_B').bytes.slice(0, 4)).toEqual([7, 0xc, 1, 0]);
  });
});

describe('packDeviceBlock', () => {
  const deviceBytes = (values: readonly number[], doubleRound: boolean) => {
    const patterns = new Uint16Array(16);
    patterns.set(values.map((value) => bf16FromFloat32Bits(float32Bits(value))));
    const bytes = new Uint8Array(16);
    return { exponent: packDeviceBlock(patterns, doubleRound, bytes), bytes };
  };

  it('rounds twice only when the source format is Bfp8_b (A.4)', () => {
    expect(deviceBytes([2.0, 1.0078125, 1.0390625], true).bytes.slice(1, 3)).toEqual(Uint8Array.of(0x21, 0x22));
    expect(deviceBytes([2.0, 1.0078125, 1.0390625], false).bytes.slice(1, 3)).toEqual(Uint8Array.of(0x20, 0x21));
  });

  it('may raise the shared exponent when it rounds twice (A.4)', () => {
    expect(deviceBytes([3.984375], true).exponent).toBe(0x81);
    expect(deviceBytes([3.984375], true).bytes[0]).toBe(0x40);
    expect(deviceBytes([3.984375], false).exponent).toBe(0x80);
    expect(deviceBytes([3.984375], false).bytes[0]).toBe(0x7f);
  });

  it("packs the simulator's 2000 groups", () => {
    const file = vectors('bfp8-pack.bin');
    const count = file.length / 66;
    expect(count).toBe(2000);
    const patterns = new Uint16Array(16);
    const bytes = new Uint8Array(16);
    for (let record = 0; record < count; record++) {
      const start = record * 66;
      for (let i = 0; i < 16; i++) patterns[i] = file.readUInt16LE(start + 2 * i);
      for (const doubleRound of [false, true]) {
        const wanted = file.subarray(start + (doubleRound ? 49 : 32)).subarray(0, 17);
        const exponent = packDeviceBlock(patterns, doubleRound, bytes);
        expect([exponent, ...bytes]).toEqual([...wanted]);
      }
    }
  });

  it('keeps the top three magnitude bits for BFP4_B', () => {
    const bytes = Uint8Array.of(0x7f, 0xff, 0x8f, 0x10, 0x90, 0x00);
    cutBfp8ToBfp4(bytes);
    expect([...bytes]).toEqual([7, 15, 0, 1, 9, 0]);
  });
});

describe('bf16FromBfp8', () => {
  it('unpacks all 65,536 data as the simulator does', () => {
    const file = vectors('bfp8-unpack.bin');
    for (let index = 0; index < 0x1_0000; index++) {
      if (bf16FromBfp8(index >> 8, index & 0xff) !== file.readUInt16LE(2 * index)) expect.fail(`datum ${index}`);
    }
  });

  it('gives magnitude / 64 * 2^(E - 127) wherever the exponent does not wrap', () => {
    for (let byte = 0; byte < 0x80; byte++) expect(valueFromBf16(bf16FromBfp8(127, byte))).toBe(byte / 64);
  });

  it('gives magnitude / 4 * 2^(E - 127) for BFP4_B', () => {
    for (let magnitude = 1; magnitude < 8; magnitude++) {
      expect(valueFromBf16(bf16FromBfp4(127, magnitude))).toBe(magnitude / 4);
      expect(valueFromBf16(bf16FromBfp4(127, 8 | magnitude))).toBe(-magnitude / 4);
    }
  });
});
