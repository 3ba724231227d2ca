// The matmul that the benchmarks run: the demo's knobs.
import type { MatmulOptions } from '../../src/device/n150/matmul-engine.ts';

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
