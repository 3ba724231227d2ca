// Element-wise arithmetic of a configuration: additions and products as the matrix unit, the vector unit or float32 do them.
// Source: n150-numerics B.5; section I for ttnn.multiply on the vector unit.
// Exactness: bit-exact per element in both device tiers; plain float32 in tier fp32.
import { bf16FromFloat32Bits } from '../../../numerics/bf16.ts';
import { bitsOf } from '../../../numerics/float-bits.ts';
import { PHASE_COUNT } from '../../wormhole/fidelity.ts';
import type { MathFidelity } from '../../wormhole/matmul-engine.ts';
import { elwadd, elwmul } from '../../wormhole/matrix-unit/eltwise.ts';
import { packBf16FromFloat32Bits } from '../../wormhole/packer.ts';
import type { N150Config } from '../compute-config.ts';
import { add16, multiply16 } from './eltwise-16-bit-dst.ts';

type EltwiseKnobs = Pick<N150Config, 'tier' | 'eltwiseRounding'>;

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

const addIn32BitDst: BinaryOp = (a, b) => {
  OPERANDS[0] = a;
  OPERANDS[1] = b;
  RESULT_BITS[0] = packBf16FromFloat32Bits(elwadd(OPERAND_BITS[0]!, OPERAND_BITS[1]!, 0, true)) << 16;
  return RESULT[0]!;
};

const subtractIn32BitDst: BinaryOp = (a, b) => {
  OPERANDS[0] = a;
  OPERANDS[1] = b;
  RESULT_BITS[0] = elwadd(OPERAND_BITS[0]!, OPERAND_BITS[1]! ^ 0x8000_0000, 0, true);
  return RESULT[0]!;
};

const addInFloat32: BinaryOp = (a, b) => Math.fround(a + b);
const subtractInFloat32: BinaryOp = (a, b) => Math.fround(a - b);
const multiplyInFloat32: BinaryOp = (a, b) => Math.fround(a * b);
const addNearestEven: BinaryOp = (a, b) => roundResultToBf16(a + b);
const subtractNearestEven: BinaryOp = (a, b) => roundResultToBf16(a - b);

/** The exact product, rounded once to nearest even. */
export const multiplyOnVectorUnit: BinaryOp = (a, b) => roundResultToBf16(a * b);

/** @returns a + b: BF16 in, BF16 out. A 32-bit Dst is packed, ties away. */
export function createAdd(config: EltwiseKnobs, fp32DestAcc = false): BinaryOp {
  if (config.tier === 'fp32') return addInFloat32;
  if (config.eltwiseRounding === 'rtne') return addNearestEven;
  return fp32DestAcc ? addIn32BitDst : addOnMatrixUnit;
}

/** @returns a - b as Dst holds it: BF16, or float32 with a 32-bit Dst. */
export function createSubtract(config: EltwiseKnobs, fp32DestAcc = false): BinaryOp {
  if (config.tier === 'fp32') return subtractInFloat32;
  if (config.eltwiseRounding === 'rtne') return fp32DestAcc ? subtractInFloat32 : subtractNearestEven;
  return fp32DestAcc ? subtractIn32BitDst : subtractOnMatrixUnit;
}

/**
 * @returns a * b on the matrix unit: a in SrcA, b in SrcB; BF16 out. A 16-bit Dst is rounded to BF16 after each phase, a
 *   32-bit one when it is packed, ties away.
 */
export function createMultiply(
  config: Pick<EltwiseKnobs, 'tier'>,
  fidelity: MathFidelity,
  fp32DestAcc = false,
): BinaryOp {
  if (config.tier === 'fp32') return multiplyInFloat32;
  const phases = PHASE_COUNT[fidelity];
  if (fp32DestAcc) return multiplyIn32BitDst(phases);
  return (a, b) => {
    OPERANDS[0] = a;
    OPERANDS[1] = b;
    RESULT_BITS[0] = multiply16(OPERAND_BITS[0]!, OPERAND_BITS[1]!, phases);
    return RESULT[0]!;
  };
}

function multiplyIn32BitDst(phases: number): BinaryOp {
  const steps = Array.from({ length: phases }, (_, phase) => ({ phase, fp32DestAcc: true }));
  return (a, b) => {
    OPERANDS[0] = a;
    OPERANDS[1] = b;
    let dst = 0;
    for (const step of steps) dst = elwmul(OPERAND_BITS[0]!, OPERAND_BITS[1]!, dst, step);
    RESULT_BITS[0] = packBf16FromFloat32Bits(dst) << 16;
    return RESULT[0]!;
  };
}
