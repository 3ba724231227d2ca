// The contract of the matrix unit's engines: plain TypeScript twins and WASM kernels compute the same bits behind it.

export const MATH_FIDELITIES = ['LoFi', 'HiFi2', 'HiFi3', 'HiFi4'] as const;
export type MathFidelity = (typeof MATH_FIDELITIES)[number];

/** exact: integer-exact MVMUL and Dst (B.3, B.4, B.6); fast: B.7's float recipe; fp32: plain float32 sums (graph debugging). */
export const MATMUL_TIERS = ['exact', 'fast', 'fp32'] as const;
export type MatmulTier = (typeof MATMUL_TIERS)[number];

export type WeightFormat = 'BFP8_B' | 'BFP4_B' | 'BF16';
export type OutputFormat = 'BF16' | 'BFP8_B' | 'FP32';

/** A weight matrix [K, N] (stored transposed to the checkpoint's [N, K]) as the device holds it in DRAM. */
export interface PackedMatrix {
  readonly format: WeightFormat;
  /** Logical sizes; the packed stream is padded with zeros to multiples of 32. */
  readonly k: number;
  readonly n: number;
  /** Tiles of 32x32, row-major over the padded [K, N], each in the layout of n150-numerics A.5. */
  readonly tiles: Uint8Array;
}

/** A PackedMatrix that an engine has taken over; opaque to callers. */
export interface LoadedMatrix {
  readonly k: number;
  readonly n: number;
  readonly format: WeightFormat;
}

/** Room for a matrix inside an engine; whoever reserved it fills `tiles` before the first multiplication. */
export interface ReservedMatrix {
  readonly matrix: LoadedMatrix;
  /** The packed stream in place, content unspecified; valid until release. */
  readonly tiles: Uint8Array;
}

export interface MatmulOptions {
  readonly tier: MatmulTier;
  readonly mathFidelity: MathFidelity;
  readonly fp32DestAcc: boolean;
  readonly packerL1Acc: boolean;
  /** K tiles per block; partial sums leave Dst between blocks (B.6). */
  readonly in0BlockW: number;
  /** Format of the partial sums between K blocks (section I). */
  readonly intermediateFormat: OutputFormat;
  readonly outputFormat: OutputFormat;
  /** A.4 step 1 when packing to BFP8_B. */
  readonly bfp8PackDoubleRound: boolean;
}

export interface MatmulEngine {
  load(weights: PackedMatrix): LoadedMatrix;
  /** Like load, for tiles that are still to come: no copy of them exists outside of the engine. */
  reserve(shape: Omit<PackedMatrix, 'tiles'>): ReservedMatrix;
  release(weights: LoadedMatrix): void;
  /**
   * @param in0 - [rows, K] float32 holding bf16 values (SrcB).
   * @returns [rows, N] float32 holding values of `outputFormat`; a fresh array. Each row depends on its own row of in0 only.
   */
  matmul(in0: Float32Array, rows: number, weights: LoadedMatrix, options: MatmulOptions): Float32Array;
  close(): Promise<void>;
}
