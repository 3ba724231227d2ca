// Whole packed matrices: the simulator's host tiles, transposition, padding.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../errors.ts';
import { bf16PatternsFromValues } from '../../numerics/bf16.ts';
import { packMatrix, packTransposedWeights, unpackMatrix } from './host-packing.ts';

const SIDE = 32;

function float32s(file: Buffer, start: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => file.readFloatLE(start + 4 * i));
}

describe('packMatrix', () => {
  it.each([
    { format: 'BFP8_B', file: 'host-pack-bfp8.bin', tileBytes: 1088 },
    { format: 'BFP4_B', file: 'host-pack-bfp4.bin', tileBytes: 576 },
  ] as const)('packs and unpacks the 40 $format tiles of ttnn 0.81.1', ({ format, file, tileBytes }) => {
    const data = readFileSync(new URL(`../../../fixtures/vectors/${file}`, import.meta.url));
    const recordBytes = 4096 + tileBytes + 4096;
    expect(data.length).toBe(40 * recordBytes);
    for (let record = 0; record < 40; record++) {
      const start = record * recordBytes;
      const packed = packMatrix(float32s(data, start, SIDE * SIDE), SIDE, SIDE, { format, rounding: 'nearestEven' });
      expect(Buffer.compare(packed.tiles, data.subarray(start + 4096, start + 4096 + tileBytes))).toBe(0);
      expect(unpackMatrix(packed)).toEqual(float32s(data, start + 4096 + tileBytes, SIDE * SIDE));
    }
  });

  const values = Float32Array.from({ length: 50 * 40 }, (_, i) => ((i * 37) % 251) / 64 - 2);

  it.each(['BFP8_B', 'BFP4_B', 'BF16'] as const)('packs %s of odd size with zeros as padding', (format) => {
    const packed = packMatrix(values, 50, 40, { format, rounding: 'halfUp' });
    const padded = new Float32Array(64 * 64);
    for (let row = 0; row < 50; row++) padded.set(values.subarray(row * 40, row * 40 + 40), row * 64);
    expect(packed.tiles).toEqual(packMatrix(padded, 64, 64, { format, rounding: 'halfUp' }).tiles);
    if (format === 'BF16') expect(unpackMatrix(packed)).toEqual(values);
  });

  it('packs a checkpoint weight [N, K] as the same [K, N] matrix, from values or bfloat16 patterns', () => {
    const weights = new Float32Array(40 * 50);
    for (let n = 0; n < 40; n++) for (let k = 0; k < 50; k++) weights[n * 50 + k] = values[k * 40 + n]!;
    const options = { format: 'BFP8_B', rounding: 'halfUp' } as const;
    const direct = packMatrix(values, 50, 40, options);
    expect(packTransposedWeights(weights, 40, 50, options)).toEqual(direct);
    expect(packTransposedWeights(bf16PatternsFromValues(weights), 40, 50, options)).toEqual(direct);
  });

  it('refuses a matrix whose length is not K * N', () => {
    expect(() => packMatrix(values, 50, 41, { format: 'BF16', rounding: 'halfUp' })).toThrow(ShapeError);
  });
});
