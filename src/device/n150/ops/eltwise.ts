// Element-wise arithmetic of a configuration: additions and products as the matrix unit, the vector unit or float32 do them.
// Source: n150-numerics B.5; section I for ttnn.multiply on the vector unit.
// Exactness: bit-exact per element in both device tiers; plain float32 in tier fp32.
import { bf16FromFloat32Bits } from '../../../numerics/bf16.ts';
import { bitsOf } from '../../../numerics/float-bits.ts';
import { PHASE_COUNT } from '../../wormhole/fidelity.ts';
import type { MathFidelity } from '../../wormhole/matmul-engine.ts';
import type { N150Config } from '../compute-config.ts';
import { add16, multiply16 } from './eltwise-16-bit-dst.ts';

/** Two BF16 values (float32 in tier fp32) to one. */
export type BinaryOp = (a: number, b: number) => number;

const OPERANDS = new Float32Array(2);
const OPERAND_BITS = bitsOf(OPERANDS);
const RESULT = new Float32Array(1);
const RESULT_BITS = bitsOf(RESULT);

function roundResultToBf16(value: number): number {
  RESULT[0] = value;
  RESULT_BITS[0] = bf16FromFloat32Bits(RESULT_BITS[0]!) << 16;
  return RESULT[0];
}

const addOnMatrixUnit: BinaryOp = (a, b) => {
  OPERANDS[0] = a;
  OPERANDS[1] = b;
  RESULT_BITS[0] = add16(OPERAND_BITS[0]!, OPERAND_BITS[1]!);
  return RESULT[0]!;
};

const subtractOnMatrixUnit: BinaryOp = (a, b) => {
  OPERANDS[0] = a;
  OPERANDS[1] = b;
  RESULT_BITS[0] = add16(OPERAND_BITS[0]!, OPERAND_BITS[1]! ^ 0x8000_0000);
  return RESULT[0]!;
};

const addInFloat32: BinaryOp = (a, b) => Math.fround(a + b);
const subtractInFloat32: BinaryOp = (a, b) => Math.fround(a - b);
const multiplyInFloat32: BinaryOp = (a, b) => Math.fround(a * b);
const addNearestEven: BinaryOp = (a, b) => roundResultToBf16(a + b);
const subtractNearestEven: BinaryOp = (a, b) => roundResultToBf16(a - b);

/** The exact product, rounded once to nearest even. */
export const multiplyOnVectorUnit: BinaryOp = (a, b) => roundResultToBf16(a * b);

/** @returns a + b: BF16 in, BF16 out. */
export function createAdd(config: N150Config): BinaryOp {
  if (config.tier === 'fp32') return addInFloat32;
  return config.eltwiseRounding === 'hw' ? addOnMatrixUnit : addNearestEven;
}

/** @returns a - b. */
export function createSubtract(config: N150Config): BinaryOp {
  if (config.tier === 'fp32') return subtractInFloat32;
  return config.eltwiseRounding === 'hw' ? subtractOnMatrixUnit : subtractNearestEven;
}

/** @returns a * b on the matrix unit with a 16-bit Dst: a in SrcA, b in SrcB, rounded to BF16 after each phase. */
export function createMultiply(config: N150Config, fidelity: MathFidelity): BinaryOp {
  if (config.tier === 'fp32') return multiplyInFloat32;
  const phases = PHASE_COUNT[fidelity];
  return (a, b) => {
    OPERANDS[0] = a;
    OPERANDS[1] = b;
    RESULT_BITS[0] = multiply16(OPERAND_BITS[0]!, OPERAND_BITS[1]!, phases);
    return RESULT[0]!;
  };
}
