// How a linear layer of a configuration runs on the matrix unit, partial sums between K blocks included.
// Source: n150-numerics B.6; section I for what ttnn 0.81 takes for partial sums.
import type { MathFidelity, MatmulOptions, OutputFormat } from '../../wormhole/matmul-engine.ts';
import type { N150Config } from '../compute-config.ts';

export function matmulOptions(
  config: N150Config,
  mathFidelity: MathFidelity,
  outputFormat: OutputFormat,
): MatmulOptions {
  const { tier, fp32DestAcc, packerL1Acc, in0BlockW, bfp8PackDoubleRound, intermediateFormat } = config;
  return {
    tier,
    mathFidelity,
    fp32DestAcc,
    packerL1Acc,
    in0BlockW,
    intermediateFormat:
      intermediateFormat === 'auto' ? automaticIntermediate(config, outputFormat) : intermediateFormat,
    outputFormat: tier === 'fp32' ? 'FP32' : outputFormat,
    bfp8PackDoubleRound,
  };
}

function automaticIntermediate({ fp32DestAcc, packerL1Acc }: N150Config, outputFormat: OutputFormat): OutputFormat {
  if (fp32DestAcc) return 'FP32';
  return outputFormat === 'BFP8_B' && !packerL1Acc ? 'BFP8_B' : 'BF16';
}
