// Checks fpu-steps.bin: single steps of the matrix unit and of the packer's L1 accumulation.
// Source: fixtures/vectors/README.md.
import { float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import { elwadd, elwmul } from '../../wormhole/matrix-unit/eltwise.ts';
import { l1AccumulateBf16 } from '../../wormhole/matrix-unit/l1-accumulate.ts';
import { MVMUL_LANES, mvmul } from '../../wormhole/matrix-unit/mvmul.ts';
import { type Comparison, comparePattern, createComparison } from './comparison.ts';
import { readRecords, type VectorFile, wrongSize } from './vector-file.ts';

const RECORD_BYTES = 76;
const OPERATIONS = ['MVMUL', 'ELWMUL', 'ELWADD', 'L1 accumulation'] as const;

export function checkSteps(file: VectorFile): Comparison {
  const { data, records } = readRecords(file, RECORD_BYTES);
  const comparison = createComparison('equal bits');
  const srcA = new Uint32Array(MVMUL_LANES);
  const srcB = new Uint32Array(MVMUL_LANES);
  for (let record = 0; record < records; record++) {
    const start = record * RECORD_BYTES;
    for (let lane = 0; lane < MVMUL_LANES; lane++) {
      srcA[lane] = data.getUint16(start + 2 * lane, true) << 16;
      srcB[lane] = data.getUint16(start + 32 + 2 * lane, true) << 16;
    }
    const dst = data.getUint32(start + 64, true);
    const phase = data.getUint8(start + 68);
    const fp32DestAcc = data.getUint8(start + 69) !== 0;
    const operation = OPERATIONS[data.getUint8(start + 70)];
    const golden = data.getUint32(start + 72, true);
    const place = () => `record ${record}, ${operation}, phase ${phase}, ${fp32DestAcc ? 32 : 16}-bit Dst`;
    const options = { phase, fp32DestAcc };
    if (operation === 'MVMUL') {
      comparePattern(comparison, place, mvmul(srcA, srcB, dst, options) >>> 0, golden);
    } else if (operation === 'ELWMUL') {
      comparePattern(comparison, place, elwmul(srcA[0]!, srcB[0]!, dst, options) >>> 0, golden);
    } else if (operation === 'ELWADD') {
      const before = (phase & 1) === 1 ? dst : 0;
      comparePattern(comparison, place, elwadd(srcA[0]!, srcB[0]!, before, fp32DestAcc) >>> 0, golden);
    } else if (operation === 'L1 accumulation') {
      comparePattern(comparison, place, l1Sum(srcA[0]!, srcB[0]!), golden & 0xffff);
    } else {
      throw wrongSize(
        file,
        data.byteLength,
        `operation codes 0 to 3; record ${record} has ${data.getUint8(start + 70)}`,
      );
    }
  }
  return comparison;
}

/** bfloat16 pattern of a + b as the packer accumulates in L1. */
function l1Sum(a: number, b: number): number {
  const inL1 = Float32Array.of(float32FromBits(a));
  l1AccumulateBf16(inL1, Float32Array.of(float32FromBits(b)));
  return float32Bits(inL1[0]!) >>> 16;
}
