import { describe, expect, it } from 'vitest';
import { readModelConfig } from '../src/checkpoint/config.ts';
import {
  readSafetensorsHeader,
  readTensor,
  readTensorFloat32,
  readTensorInt32,
} from '../src/checkpoint/safetensors.ts';
import { fixturePath, maxDistance } from './golden-cases.fixture.ts';
import { rotaryFrequencies, rotaryTables } from './rotary.ts';

const TABLES = readSafetensorsHeader(fixturePath('golden-hf/yarn-tables.safetensors'));
const POSITIONS = [...readTensorInt32(TABLES, 'positions')];
const HALF = 16;
const YARN = rotaryFrequencies(readModelConfig(fixturePath('golden-hf/quirk-yarn')));

function float64Tensor(name: string): Float64Array {
  const { bytes } = readTensor(TABLES, name);
  return new Float64Array(new Uint8Array(bytes).buffer);
}

function computed(table: 'cos' | 'sin'): Float32Array {
  const rows = POSITIONS.map((position) => rotaryTables(YARN, position, 1)[table]);
  return Float32Array.from(rows.flatMap((row) => [...row]));
}

describe('YaRN tables', () => {
  it('have the frequencies of the float64 truth', () => {
    const truth = float64Tensor('inv_freq');
    expect(YARN.inverseFrequencies).toHaveLength(truth.length);
    // Four float64 roundings: power, division, two products and their sum.
    YARN.inverseFrequencies.forEach((frequency, i) => {
      expect(Math.abs(frequency / truth[i]! - 1)).toBeLessThan(4 * Number.EPSILON);
    });
    expect(new Set(YARN.inverseFrequencies).size).toBe(HALF);
  });

  it.each(['cos', 'sin'] as const)('round the float64 %s once, up to position 131,071', (name) => {
    expect(POSITIONS.at(-1)).toBe(131_071);
    const truth = float64Tensor(name);
    const found = computed(name);
    // An angle good to 1e-10 may turn a rounding; the entries are below 2, so half a unit there is 2^-24.
    truth.forEach((exact, i) => {
      expect(Math.abs(found[i]! - exact)).toBeLessThan(2 ** -24 + 1e-10);
    });
  });

  it.each(['cos', 'sin'] as const)('are a thousand times nearer to the truth than float32 angles are (%s)', (name) => {
    const truth = Float32Array.from(float64Tensor(name));
    const transformers = readTensorFloat32(TABLES, `hf_${name}_f32`);
    expect(maxDistance(transformers, truth)).toBeGreaterThan(1e-3);
    expect(maxDistance(computed(name), truth)).toBeLessThan(maxDistance(transformers, truth) / 1000);
  });

  it('scale by 0.1 ln(factor) + 1', () => {
    expect(YARN.attentionFactor).toBeCloseTo(0.1 * Math.log(4) + 1, 15);
    const { cos, sin } = rotaryTables(YARN, 0, 1);
    expect([...cos]).toEqual(new Array(HALF).fill(Math.fround(YARN.attentionFactor)));
    expect([...sin]).toEqual(new Array(HALF).fill(0));
  });
});

describe('rotary frequencies', () => {
  const plain = { headDim: 8, ropeTheta: 10_000 };
  const yarn = {
    kind: 'yarn',
    factor: 4,
    originalMaxPositionEmbeddings: 32_768,
    betaFast: 32,
    betaSlow: 1,
    truncate: true,
  } as const;

  it('fall from 1 by theta^(-2i/D)', () => {
    expect([...rotaryFrequencies(plain).inverseFrequencies]).toEqual(
      [1, 0.1, 0.01, 0.001].map((value) => expect.closeTo(value, 15)),
    );
    expect(rotaryFrequencies(plain).attentionFactor).toBe(1);
  });

  it('are untouched by YaRN where they turn often, divided by the factor where they never turn once', () => {
    const base = rotaryFrequencies({ headDim: 128, ropeTheta: 1e6 }).inverseFrequencies;
    const stretched = rotaryFrequencies({ headDim: 128, ropeTheta: 1e6, ropeScaling: yarn }).inverseFrequencies;
    expect(stretched[0]).toBe(base[0]);
    expect(stretched[63]).toBe(base[63]! / 4);
  });

  it('take the attention factor from the config if it states one, or from the two mscale', () => {
    const factorOf = (more: object): number =>
      rotaryFrequencies({ headDim: 8, ropeTheta: 1e4, ropeScaling: { ...yarn, ...more } }).attentionFactor;
    expect(factorOf({ attentionFactor: 1.5 })).toBe(1.5);
    expect(factorOf({ mscale: 1, mscaleAllDim: 1 })).toBe(1);
    expect(factorOf({ mscale: 2, mscaleAllDim: 1 })).toBeCloseTo((0.2 * Math.log(4) + 1) / (0.1 * Math.log(4) + 1), 15);
  });
});

describe('a table', () => {
  it('has the same rows whether it begins at 0 or later', () => {
    const whole = rotaryTables(YARN, 0, 12);
    const later = rotaryTables(YARN, 7, 5);
    expect(later.cos).toEqual(whole.cos.slice(7 * HALF));
    expect(later.sin).toEqual(whole.sin.slice(7 * HALF));
  });
});
