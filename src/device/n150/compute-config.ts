// Every knob of the N150 model in one typed table: its values, its meaning, and where the specification ranks it.
// Source: n150-numerics G (names are ttnn's), section I for what later releases changed.

import { MAXIMUM_THREADS } from '../../machine.ts';
import { HOST_BFP_ROUNDINGS, type HostBfpRounding } from '../../numerics/block-float-host.ts';
import { ELTWISE_ROUNDINGS, SDPA_KERNELS } from '../wormhole/attention-engine.ts';
import { KV_FORMATS } from '../wormhole/kv-packing.ts';
import { MATH_FIDELITIES, MATMUL_TIERS, type MathFidelity, type MatmulTier } from '../wormhole/matmul-engine.ts';
import { SDPA_EXPS } from '../wormhole/sfpu/attention-exponentials.ts';
import { SFPU_ERAS, SILU_KINDS } from '../wormhole/sfpu/vector-unit.ts';
import { GRID_ROWS_MAX } from './chip.ts';

export const RECIPE_NAMES = ['demo-2024', 'ttnn-0.81'] as const;
export type RecipeName = (typeof RECIPE_NAMES)[number];

const WEIGHT_FORMATS = ['BFP8_B', 'BFP4_B', 'BF16'] as const;
const MLP_FORMATS = ['auto', 'BFP8_B', 'BFP4_B', 'BF16'] as const;
const STORE_FORMATS = ['BFP8_B', 'BF16'] as const;
const INTERMEDIATE_FORMATS = ['auto', 'BF16', 'FP32', 'BFP8_B'] as const;
const SDPA_MERGES = ['sequential', 'oneCore'] as const;
const SCALE_ROUNDINGS = ['bf16Truncated', 'bf16Nearest', 'fp32'] as const;
const ELTWISE_MULS = ['matrixUnit', 'vectorUnit'] as const;
const RMS_LAYOUTS = ['sharded', 'interleaved'] as const;

/**
 * A complete setting of the device model. Activations between operations are BF16 unless `tier` is fp32 without `storedFormats`.
 *
 * Derived from the checkpoint's widths and `gridRows`, not set here: cores of each operation and the number of K blocks
 * (chip.ts). A run's `settings` state them beside the knobs.
 */
export interface N150Config {
  readonly recipe: RecipeName;
  readonly tier: MatmulTier;
  readonly storedFormats: boolean;
  readonly qkvFidelity: MathFidelity;
  readonly oFidelity: MathFidelity;
  readonly gateUpFidelity: MathFidelity;
  readonly downFidelity: MathFidelity;
  readonly lmHeadFidelity: MathFidelity;
  readonly ropeFidelity: MathFidelity;
  readonly sdpaFidelity: MathFidelity;
  readonly sdpaFp32DestAcc: boolean;
  readonly normFidelity: MathFidelity;
  readonly normFp32DestAcc: boolean;
  readonly multiplyFidelity: MathFidelity;
  readonly fp32DestAcc: boolean;
  readonly packerL1Acc: boolean;
  readonly in0BlockW: number;
  readonly intermediateFormat: (typeof INTERMEDIATE_FORMATS)[number];
  readonly weightFormat: (typeof WEIGHT_FORMATS)[number];
  readonly mlpFormat: (typeof MLP_FORMATS)[number];
  readonly lmHeadFormat: (typeof WEIGHT_FORMATS)[number];
  readonly biasFormat: (typeof STORE_FORMATS)[number];
  readonly kvFormat: (typeof KV_FORMATS)[number];
  readonly logitsFormat: (typeof STORE_FORMATS)[number];
  readonly hostBfpRounding: HostBfpRounding;
  readonly bfp8PackDoubleRound: boolean;
  readonly sdpaExp: (typeof SDPA_EXPS)[number];
  readonly sdpaChunk: number;
  readonly sdpaMerge: (typeof SDPA_MERGES)[number];
  readonly sdpaKernel: (typeof SDPA_KERNELS)[number];
  readonly silu: (typeof SILU_KINDS)[number];
  readonly rmsEps: number;
  readonly rmsLayout: (typeof RMS_LAYOUTS)[number];
  readonly rmsExact: boolean;
  readonly scaleBits: (typeof SCALE_ROUNDINGS)[number];
  readonly eltwiseRounding: (typeof ELTWISE_ROUNDINGS)[number];
  readonly eltwiseMul: (typeof ELTWISE_MULS)[number];
  readonly sfpuRoots: (typeof SFPU_ERAS)[number];
  readonly gridRows: number;
  readonly demoRotOffByOne: boolean;
  readonly skipLayer: number;
  readonly ropePositionOffset: number;
  readonly threads: number;
}

/** Whether rows, tables and vectors stay float32 between operations. */
export function storesFloat32({ tier, storedFormats }: Pick<N150Config, 'tier' | 'storedFormats'>): boolean {
  return tier === 'fp32' && !storedFormats;
}

export type KnobName = keyof N150Config;

export type KnobKind =
  | { readonly kind: 'oneOf'; readonly values: readonly string[] }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer'; readonly minimum: number; readonly maximum: number }
  | { readonly kind: 'positive' };

export interface Knob {
  readonly value: KnobKind;
  /** One line for `--help`. */
  readonly doc: string;
}

const oneOf = (values: readonly string[]): KnobKind => ({ kind: 'oneOf', values });
const integer = (minimum: number, maximum: number): KnobKind => ({ kind: 'integer', minimum, maximum });
const BOOLEAN: KnobKind = { kind: 'boolean' };
const fidelity = (doc: string): Knob => ({ value: oneOf(MATH_FIDELITIES), doc: `math fidelity of ${doc}` });

const LARGEST_POSITION_OFFSET = 4096;

/** In the order that `--help` prints. */
export const KNOBS: Readonly<Record<KnobName, Knob>> = {
  recipe: { value: oneOf(RECIPE_NAMES), doc: 'named set of knobs; others given beside it win over it' },
  tier: {
    value: oneOf(MATMUL_TIERS),
    doc: 'exact: integer-exact matrix unit; fast: same error statistics in floats; fp32: no device noise but the weight formats',
  },
  storedFormats: {
    value: BOOLEAN,
    doc: 'with tier=fp32: what is stored between operations is rounded to its format (BF16, kvFormat, logitsFormat); the other tiers always do',
  },
  qkvFidelity: fidelity('the q, k and v projections'),
  oFidelity: fidelity('the attention output projection'),
  gateUpFidelity: fidelity('the gate and up projections'),
  downFidelity: fidelity('the down projection'),
  lmHeadFidelity: fidelity('the lm_head'),
  ropeFidelity: fidelity('the rotation matmul'),
  sdpaFidelity: fidelity('both attention matmuls'),
  sdpaFp32DestAcc: {
    value: BOOLEAN,
    doc: 'Dst of attention holds float32 (with sdpaKernel=2026; slower: no compiled kernel)',
  },
  normFidelity: fidelity('RMSNorm: HiFi2 cuts the last bit of what stands in SrcB'),
  normFp32DestAcc: { value: BOOLEAN, doc: 'Dst of RMSNorm holds float32; false with rmsLayout=interleaved only' },
  multiplyFidelity: fidelity('silu(gate) * up on the matrix unit'),
  fp32DestAcc: { value: BOOLEAN, doc: 'Dst of the linear layers holds float32 instead of bfloat16' },
  packerL1Acc: { value: BOOLEAN, doc: 'the packer adds the partial sums of K blocks in L1' },
  in0BlockW: { value: integer(1, 4096), doc: 'K tiles per block of the linear layers (the demo: 1)' },
  intermediateFormat: {
    value: oneOf(INTERMEDIATE_FORMATS),
    doc: 'partial sums between K blocks; auto: FP32 with fp32DestAcc, BFP8_B for BFP8_B output without packerL1Acc, else BF16',
  },
  weightFormat: { value: oneOf(WEIGHT_FORMATS), doc: 'linear layers in DRAM, blocks of 16 output features' },
  mlpFormat: { value: oneOf(MLP_FORMATS), doc: 'gate, up and down projections in DRAM; auto: as weightFormat' },
  lmHeadFormat: { value: oneOf(WEIGHT_FORMATS), doc: 'lm_head in DRAM' },
  biasFormat: { value: oneOf(STORE_FORMATS), doc: 'qkv bias in DRAM' },
  kvFormat: { value: oneOf(KV_FORMATS), doc: 'KV cache, blocks of 16 neighbours of one head' },
  logitsFormat: { value: oneOf(STORE_FORMATS), doc: 'lm_head output, blocks of 16 vocabulary ids' },
  hostBfpRounding: {
    value: oneOf(HOST_BFP_ROUNDINGS),
    doc: 'host packing: halfUp until January 2025, nearestEven since',
  },
  bfp8PackDoubleRound: { value: BOOLEAN, doc: 'the packer rounds to 6 mantissa bits before it packs BFP8_B' },
  sdpaExp: {
    value: oneOf(SDPA_EXPS),
    doc: 'exponentials of attention: fastApprox (-3.4 % to +3.1 %), accurate2024 (squarings), ttnn2026 (fast weights, polynomial decays), exact',
  },
  sdpaChunk: { value: integer(32, 4096), doc: 'keys per attention chunk, a multiple of 32' },
  sdpaMerge: {
    value: oneOf(SDPA_MERGES),
    doc: 'sequential: chunks on many cores, merged last chunk first; oneCore: chunks one after the other',
  },
  sdpaKernel: {
    value: oneOf(SDPA_KERNELS),
    doc: '2024: scores scaled on the matrix unit, sums by reduce; 2026: float32 scale inside the exponential, sums by matmul',
  },
  silu: {
    value: oneOf(SILU_KINDS),
    doc: 'piecewise2024: the polynomial of the era (off by up to 0.043); ttnn2026 (within a bfloat16 unit); exact',
  },
  rmsEps: {
    value: { kind: 'positive' },
    doc: "epsilon of RMSNorm (the demo's class default, whatever config.json says)",
  },
  rmsLayout: {
    value: oneOf(RMS_LAYOUTS),
    doc: 'sharded: partial sums of several cores; interleaved: one core per row',
  },
  rmsExact: { value: BOOLEAN, doc: 'RMSNorm in float64, rounded once to bfloat16' },
  scaleBits: {
    value: oneOf(SCALE_ROUNDINGS),
    doc: 'host scalars (attention scale, epsilon, reduce scalers): bf16Truncated in 2024, bf16Nearest since',
  },
  eltwiseRounding: { value: oneOf(ELTWISE_ROUNDINGS), doc: 'additions: hw (ties away, via 10 bits) or rtne' },
  eltwiseMul: {
    value: oneOf(ELTWISE_MULS),
    doc: 'silu(gate) * up: matrixUnit in phases, or vectorUnit rounded once to nearest even',
  },
  sfpuRoots: { value: oneOf(SFPU_ERAS), doc: "square root and reciprocal: 2024's approximations or exact" },
  gridRows: {
    value: integer(1, GRID_ROWS_MAX),
    doc: 'rows of eight cores in the compute grid, which the cores of norms and attention follow from; WH_ARCH_YAML gives the default',
  },
  demoRotOffByOne: {
    value: BOOLEAN,
    doc: "the demo's first decode step after the prompt rotates by the position before; on in `demo`, off elsewhere",
  },
  skipLayer: { value: integer(-1, 1023), doc: 'debugging: leaves out this layer (-1: none)' },
  ropePositionOffset: {
    value: integer(-LARGEST_POSITION_OFFSET, LARGEST_POSITION_OFFSET),
    doc: 'debugging: rotates by the position plus this',
  },
  threads: {
    value: integer(0, MAXIMUM_THREADS),
    doc: 'threads of the kernels (0: as --threads says); never changes a bit',
  },
};

export const KNOB_NAMES: readonly KnobName[] = Object.keys(KNOBS) as KnobName[];

/** Shorthands: a name that sets several knobs, or an old name. */
export const KNOB_ALIASES: Readonly<Record<string, readonly KnobName[]>> = {
  mathFidelity: ['qkvFidelity', 'oFidelity', 'gateUpFidelity', 'downFidelity', 'lmHeadFidelity'],
  mmTier: ['tier'],
};
