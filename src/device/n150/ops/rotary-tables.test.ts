// Rotary tables against float64 ones, with and without YaRN, up to position 131,071.
import { describe, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensor, readTensorInt32 } from '../../../checkpoint/safetensors.ts';
import { fixturePath } from '../graph.fixture.ts';
import { rotaryFrequencies, writeRotaryTables } from './rotary-tables.ts';

const YARN = {
  factor: 4,
  originalMaxPositions: 32_768,
  betaFast: 32,
  betaSlow: 1,
  attentionFactor: 0.1 * Math.log(4) + 1,
  truncate: true,
};

function readFloat64(header: ReturnType<typeof readSafetensorsHeader>, name: string): Float64Array {
  const { bytes } = readTensor(header, name);
  return new Float64Array(Uint8Array.from(bytes).buffer);
}

describe('rotary tables', () => {
  it('rotate by position * theta^(-2i/D), rounded to bfloat16', () => {
    const frequencies = rotaryFrequencies(128, 1e6, undefined);
    const cosines = new Float32Array(64);
    const sines = new Float32Array(64);
    writeRotaryTables(frequencies, 4095, false, cosines, sines);
    for (let i = 0; i < 64; i++) {
      const angle = 4095 * 1e6 ** ((-2 * i) / 128);
      // Half a bfloat16 unit, and the float32 angle's own error of 4095 * 2^-24.
      expect(Math.abs(cosines[i]! - Math.cos(angle))).toBeLessThan(2 ** -9 + 4096 * 2 ** -24);
      expect(Math.abs(sines[i]! - Math.sin(angle))).toBeLessThan(2 ** -9 + 4096 * 2 ** -24);
    }
  });

  it('follow YaRN within what float32 angles allow', () => {
    const header = readSafetensorsHeader(fixturePath('golden-hf/yarn-tables.safetensors'));
    const positions = readTensorInt32(header, 'positions');
    const goldenCosines = readFloat64(header, 'cos');
    const goldenSines = readFloat64(header, 'sin');
    const goldenFrequencies = readFloat64(header, 'inv_freq');
    const half = goldenFrequencies.length;
    const frequencies = rotaryFrequencies(2 * half, 1e6, YARN);
    for (let i = 0; i < half; i++) {
      expect(Math.abs(frequencies.perPosition[i]! / goldenFrequencies[i]! - 1)).toBeLessThan(2 ** -23);
    }
    const cosines = new Float32Array(half);
    const sines = new Float32Array(half);
    for (const [row, position] of positions.entries()) {
      writeRotaryTables(frequencies, position, true, cosines, sines);
      // Frequency and angle are each rounded to float32.
      const bound = 1.2 * (position * 2 ** -23 + 2 ** -23);
      for (let i = 0; i < half; i++) {
        expect(Math.abs(cosines[i]! - goldenCosines[row * half + i]!)).toBeLessThan(bound);
        expect(Math.abs(sines[i]! - goldenSines[row * half + i]!)).toBeLessThan(bound);
      }
    }
  });
});
