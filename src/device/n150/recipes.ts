// Recipes: named sets of knobs, one for each state of the N150's software that has been described.
// Source: n150-numerics A-F (demo-2024), section I (ttnn-0.81).
import type { N150Config, RecipeName } from './compute-config.ts';

const DEMO_2024: N150Config = {
  recipe: 'demo-2024',
  tier: 'fast',
  qkvFidelity: 'HiFi2',
  oFidelity: 'HiFi2',
  gateUpFidelity: 'HiFi2',
  downFidelity: 'HiFi2',
  lmHeadFidelity: 'HiFi2',
  ropeFidelity: 'HiFi2',
  sdpaFidelity: 'HiFi2',
  sdpaFp32DestAcc: false,
  normFidelity: 'HiFi2',
  normFp32DestAcc: true,
  multiplyFidelity: 'HiFi4',
  fp32DestAcc: false,
  packerL1Acc: true,
  in0BlockW: 1,
  intermediateFormat: 'BF16',
  weightFormat: 'BFP8_B',
  mlpFormat: 'auto',
  lmHeadFormat: 'BFP8_B',
  biasFormat: 'BFP8_B',
  kvFormat: 'BFP8_B',
  logitsFormat: 'BFP8_B',
  hostBfpRounding: 'halfUp',
  bfp8PackDoubleRound: true,
  sdpaExp: 'fastApprox',
  sdpaChunk: 32,
  sdpaMerge: 'sequential',
  sdpaKernel: '2024',
  silu: 'piecewise2024',
  rmsEps: 1e-5,
  rmsLayout: 'sharded',
  rmsExact: false,
  scaleBits: 'bf16Truncated',
  eltwiseRounding: 'hw',
  eltwiseMul: 'matrixUnit',
  sfpuRoots: '2024',
  gridRows: 8,
  demoRotOffByOne: false,
  skipLayer: -1,
  ropePositionOffset: 0,
  threads: 0,
};

/** Every recipe is complete: a knob has no default elsewhere. */
export const RECIPES: Readonly<Record<RecipeName, N150Config>> = {
  'demo-2024': DEMO_2024,
  'ttnn-0.81': {
    ...DEMO_2024,
    recipe: 'ttnn-0.81',
    intermediateFormat: 'auto',
    hostBfpRounding: 'nearestEven',
    sdpaExp: 'ttnn2026',
    sdpaMerge: 'oneCore',
    sdpaKernel: '2026',
    silu: 'ttnn2026',
    rmsLayout: 'interleaved',
    scaleBits: 'bf16Nearest',
    eltwiseMul: 'vectorUnit',
    sfpuRoots: 'exact',
  },
};

export const DEFAULT_N150_CONFIG: N150Config = RECIPES['demo-2024'];
