// SiLU of BF16 values looked up: what the vector unit's function gives for a pattern is computed once in a process.
// Exactness: the values of createVectorUnit's silu.
import { bitsOf } from '../../../numerics/float-bits.ts';
import { createVectorUnit, type UnaryOp, type VectorUnitKnobs } from './vector-unit.ts';

const PATTERNS = 65_536;
const INPUT = new Float32Array(1);
const INPUT_BITS = bitsOf(INPUT);

interface Table {
  readonly values: Float32Array;
  readonly isKnown: Uint8Array;
}

/** Of each kind, shared by all layers and devices: 320 KiB, filled as patterns come. */
const TABLES = new Map<VectorUnitKnobs['silu'], Table>();

/** @returns silu of BF16 values in the tiers that have them. */
export function tabulatedSilu(knobs: VectorUnitKnobs): UnaryOp {
  const { silu } = createVectorUnit(knobs);
  const table = TABLES.get(knobs.silu) ?? {
    values: new Float32Array(PATTERNS),
    isKnown: new Uint8Array(PATTERNS),
  };
  TABLES.set(knobs.silu, table);
  const { values, isKnown } = table;
  return (x) => {
    INPUT[0] = x;
    const pattern = INPUT_BITS[0]! >>> 16;
    if (isKnown[pattern] === 0) {
      values[pattern] = silu(x);
      isKnown[pattern] = 1;
    }
    return values[pattern]!;
  };
}
