// Both compilations of the kernels against their plain twins: every tail length, format, fidelity and knob, on ordinary and on hostile operands.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO_MATMUL } from '../demo-matmul.fixture.ts';
import { packMatrix } from '../host-packing.ts';
import {
  MATH_FIDELITIES,
  MATMUL_TIERS,
  type MatmulEngine,
  type MatmulOptions,
  type PackedMatrix,
  type WeightFormat,
} from '../matmul-engine.ts';
import { createPlainMatmulEngine } from '../matrix-unit/matmul.ts';
import { KERNEL_MODULES } from './kernel-module.ts';
import { bf16Operands, createRandom, OPERAND_KINDS, type OperandKind } from './operands.fixture.ts';
import { createBothEngines } from './relaxed-simd.fixture.ts';

const WEIGHT_FORMATS: readonly WeightFormat[] = ['BFP8_B', 'BFP4_B', 'BF16'];

/** Every combination of knobs that a kernel of ttnn runs. */
const KNOBS: readonly Partial<MatmulOptions>[] = [
  {},
  { in0BlockW: 2 },
  { in0BlockW: 100 },
  { packerL1Acc: false },
  { packerL1Acc: false, in0BlockW: 2, intermediateFormat: 'BFP8_B', outputFormat: 'BFP8_B' },
  { outputFormat: 'BFP8_B', bfp8PackDoubleRound: false },
  { outputFormat: 'FP32' },
  { fp32DestAcc: true },
  { fp32DestAcc: true, intermediateFormat: 'FP32', outputFormat: 'FP32' },
  { fp32DestAcc: true, intermediateFormat: 'FP32', outputFormat: 'BFP8_B', packerL1Acc: false, in0BlockW: 2 },
  { fp32DestAcc: true, packerL1Acc: false, outputFormat: 'FP32' },
];

const plain = createPlainMatmulEngine();
let engines: readonly MatmulEngine[];

beforeAll(async () => {
  engines = await createBothEngines(2);
});
afterAll(() => Promise.all(engines.map((engine) => engine.close())));

interface Case {
  readonly rows: number;
  readonly k: number;
  readonly n: number;
  readonly format: WeightFormat;
  readonly kind: OperandKind;
  readonly seed: number;
}

/** Bytes as a packer would never write them, too: tiny shared exponents, 0x80. */
function weightsOf({ k, n, format, kind, seed }: Case): PackedMatrix {
  const values = bf16Operands(k * n, kind, seed + 1000);
  const packed = packMatrix(values, k, n, { format, rounding: 'halfUp' });
  if (kind === 'specials' && format !== 'BF16') {
    const noise = new Uint8Array(bf16Operands(packed.tiles.length / 4, 'specials', seed + 7).buffer);
    for (let i = 0; i < packed.tiles.length; i += 61) packed.tiles[i] = noise[i | 3]!;
  }
  return packed;
}

function expectSameBits(actual: Float32Array, golden: Float32Array, label: string): void {
  expect(actual.length).toBe(golden.length);
  const actualBits = new Uint32Array(actual.buffer);
  const goldenBits = new Uint32Array(golden.buffer);
  for (let i = 0; i < golden.length; i++) {
    if (actualBits[i] === goldenBits[i]) continue;
    expect.fail(`${label}: element ${i} is ${actualBits[i]!.toString(16)}, twin ${goldenBits[i]!.toString(16)}`);
  }
}

function compare(shape: Case, options: MatmulOptions): void {
  const in0 = bf16Operands(shape.rows * shape.k, shape.kind, shape.seed);
  expectTwin(in0, shape.rows, weightsOf(shape), options, JSON.stringify({ ...shape, ...options }));
}

/** @returns the twin's result, which both modules gave too. */
function expectTwin(
  in0: Float32Array,
  rows: number,
  packed: PackedMatrix,
  options: MatmulOptions,
  label: string,
): Float32Array {
  const multiply = (engine: MatmulEngine): Float32Array => {
    const weights = engine.load(packed);
    const product = engine.matmul(in0, rows, weights, options);
    engine.release(weights);
    return product;
  };
  const golden = multiply(plain);
  for (const [index, engine] of engines.entries()) {
    expectSameBits(multiply(engine), golden, `${KERNEL_MODULES[index]}, ${label}`);
  }
  return golden;
}

describe.each(MATMUL_TIERS)('kernels of tier %s', (tier) => {
  it('equal the twin for 1 to 13 rows', () => {
    for (let rows = 1; rows <= 13; rows++) {
      compare({ rows, k: 40, n: 35, format: 'BFP8_B', kind: 'plain', seed: rows }, { ...DEMO_MATMUL, tier });
    }
  });

  it('equal the twin for 1 to 67 and for 129 columns', () => {
    for (const n of [...Array.from({ length: 67 }, (_, i) => i + 1), 129]) {
      compare({ rows: 2, k: 33, n, format: 'BFP8_B', kind: 'plain', seed: n }, { ...DEMO_MATMUL, tier });
    }
  });

  it('equal the twin for K of 1 to 130', () => {
    for (let k = 1; k <= 130; k++) {
      compare({ rows: 2, k, n: 5, format: 'BFP8_B', kind: 'wide', seed: k }, { ...DEMO_MATMUL, tier });
    }
  });

  it('equal the twin for more rows than one block takes', () => {
    compare({ rows: 131, k: 33, n: 70, format: 'BFP8_B', kind: 'plain', seed: 5 }, { ...DEMO_MATMUL, tier });
  });

  // The float tiers say nothing on the sign of a NaN, which the packer turns into a signed infinity.
  const kinds = OPERAND_KINDS.filter((kind) => tier === 'exact' || kind !== 'specials');

  describe.each(kinds)('on %s operands', (kind) => {
    it.each(WEIGHT_FORMATS)('equal the twin for %s weights in every fidelity and with every knob', (format) => {
      let seed = 1;
      for (const mathFidelity of MATH_FIDELITIES) {
        for (const knobs of KNOBS) {
          seed += 1;
          const options = { ...DEMO_MATMUL, tier, mathFidelity, ...knobs };
          for (const rows of [7, 1]) compare({ rows, k: 150, n: 45, format, kind, seed }, options);
        }
      }
    });
  });
});

describe('kernels of tier fast where products leave the range of float32', () => {
  /** Whatever of a sum reaches Dst reaches the output. */
  const UNROUNDED: MatmulOptions = {
    ...DEMO_MATMUL,
    mathFidelity: 'HiFi4',
    fp32DestAcc: true,
    packerL1Acc: false,
    intermediateFormat: 'FP32',
    outputFormat: 'FP32',
  };

  /** Values of an exponent field and the next, odd in their last bit, so that products have all their sixteen bits. */
  function ofExponent(length: number, field: number, seed: number): Float32Array {
    const random = createRandom(seed);
    const pattern = (): number => (random() & 0x807e_0000) | ((field + (random() & 1)) << 23) | 0x1_0000;
    return new Float32Array(Uint32Array.from({ length }, pattern).buffer);
  }

  it.each(WEIGHT_FORMATS)('equal the twin at both edges for %s weights, one row and several', (format) => {
    const [k, n] = [64, 33];
    const seen = new Set<number>();
    for (const sum of [...Array.from({ length: 24 }, (_, i) => 105 + i), 378, 379, 380, 381, 382]) {
      for (const activation of [sum >> 1, Math.min(sum - 20, 240)]) {
        for (const rows of [1, 3]) {
          const in0 = ofExponent(rows * k, activation, sum);
          const packed = packMatrix(ofExponent(k * n, sum - activation, sum + activation), k, n, {
            format,
            rounding: 'nearestEven',
          });
          const golden = expectTwin(in0, rows, packed, UNROUNDED, `${rows} rows, fields ${activation} of ${sum}`);
          for (const value of golden) seen.add(value);
        }
      }
    }
    expect(seen.size).toBeGreaterThan(2000);
    expect(seen.has(Number.POSITIVE_INFINITY) || seen.has(Number.NEGATIVE_INFINITY)).toBe(true);
  });

  it.each(WEIGHT_FORMATS)('equal the twin for ordinary activations and any %s weights', (format) => {
    for (const rows of [1, 2]) {
      const [k, n] = [96, 64];
      const in0 = bf16Operands(rows * k, 'plain', rows);
      for (const kind of ['extreme', 'sparse', 'wide'] as const) {
        const packed = packMatrix(bf16Operands(k * n, kind, 3 + rows), k, n, { format, rounding: 'halfUp' });
        for (const options of [UNROUNDED, { ...DEMO_MATMUL }]) {
          expectTwin(in0, rows, packed, options, `${rows} rows, ${kind}`);
        }
      }
    }
  });
});
