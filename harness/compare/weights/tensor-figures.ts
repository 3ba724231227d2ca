// What the sums of a tensor say in figures: signal to quantisation noise, relative error, cosine, gain, zero rows and tiles.
import type { TensorSums, UnitSums } from './tensor-sums.ts';

export interface Totals {
  readonly base: number;
  readonly variant: number;
  readonly product: number;
  readonly error: number;
}

export interface TensorFigures extends Totals {
  /** base² / error², in decibel; Infinity if equal. */
  readonly sqnrDb: number;
  /** ‖variant - base‖ / ‖base‖; Infinity if the base is zero and the variant is not. */
  readonly relativeL2: number;
  /** null if a side is all zero. */
  readonly cosine: number | null;
  /** The factor that brings the base nearest to the variant; null if the base is all zero. */
  readonly gain: number | null;
  /** Error energy that is left when each row has its best gain. */
  readonly rowResidual: number;
  readonly changedShare: number;
  /** All zero in the variant, not in the base. */
  readonly zeroRows: number;
  readonly zeroColumns: number;
  readonly zeroTiles: number;
  /** Lowest and highest gain of a tile that still correlates; null if none does. */
  readonly tileGain: { readonly min: number; readonly max: number } | null;
}

/** A tile whose cosine is lower says nothing about its scale. */
const TILE_COSINE_MIN = 0.5;

export function figuresOf(sums: TensorSums): TensorFigures {
  const totals = totalsOf(sums.rows);
  const { base, variant, product, error } = totals;
  return {
    ...totals,
    sqnrDb: error === 0 ? Infinity : decibel(base / error),
    relativeL2: error === 0 ? 0 : Math.sqrt(error / base),
    cosine: base === 0 || variant === 0 ? null : product / Math.sqrt(base * variant),
    gain: base === 0 ? null : product / base,
    rowResidual: residualAfterGains(sums.rows),
    changedShare: sums.elements === 0 ? 0 : sums.changed / sums.elements,
    zeroRows: newZeros(sums.rows),
    zeroColumns: newZeros(sums.columns),
    zeroTiles: newZeros(sums.tiles),
    tileGain: gainRange(sums.tiles),
  };
}

export function totalsOf({ base, variant, product, error }: UnitSums): Totals {
  const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
  return { base: total(base), variant: total(variant), product: total(product), error: total(error) };
}

export function decibel(ratio: number): number {
  return 10 * Math.log10(ratio);
}

/** Error energy that is left when each unit has its best gain. */
export function residualAfterGains({ base, variant, product }: UnitSums): number {
  let residual = 0;
  for (let i = 0; i < base.length; i++) residual += residualOf(base[i]!, variant[i]!, product[i]!);
  return residual;
}

/** What the best gain leaves, at the larger of both scales; all of the base where the variant is zero: that is no gain. */
export function residualOf(base: number, variant: number, product: number): number {
  if (base === 0 || variant === 0) return Math.max(base, variant);
  return Math.max(base, variant) * Math.max(0, 1 - product ** 2 / (base * variant));
}

/** Best gain of each unit; 1 where the base is zero. */
export function gainsByUnit({ base, product }: UnitSums): Float32Array {
  return Float32Array.from(base, (value, unit) => (value === 0 ? 1 : product[unit]! / value));
}

function newZeros({ base, variant }: UnitSums): number {
  let count = 0;
  for (let i = 0; i < base.length; i++) if (variant[i] === 0 && base[i]! > 0) count++;
  return count;
}

function gainRange({ base, variant, product }: UnitSums): TensorFigures['tileGain'] {
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < base.length; i++) {
    if (product[i]! <= 0 || product[i]! ** 2 < TILE_COSINE_MIN ** 2 * base[i]! * variant[i]!) continue;
    const gain = product[i]! / base[i]!;
    min = Math.min(min, gain);
    max = Math.max(max, gain);
  }
  return max < min ? null : { min, max };
}
