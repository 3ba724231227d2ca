// The matmul that tests and benchmarks start from: the linear layers of the 2024 demo.
// Source: n150-numerics B.6, C.
import type { MatmulOptions } from './matmul-engine.ts';

export const DEMO_MATMUL: MatmulOptions = {
  tier: 'fast',
  mathFidelity: 'HiFi2',
  fp32DestAcc: false,
  packerL1Acc: true,
  in0BlockW: 1,
  intermediateFormat: 'BF16',
  outputFormat: 'BF16',
  bfp8PackDoubleRound: true,
};
