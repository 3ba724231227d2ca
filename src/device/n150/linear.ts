// A linear layer of a configuration: its fidelity, its output format, and what stands between its K blocks.
// Source: n150-numerics C; section I for what ttnn 0.81 takes for partial sums.
import type {
  LoadedMatrix,
  MathFidelity,
  MatmulEngine,
  MatmulOptions,
  OutputFormat,
} from '../wormhole/matmul-engine.ts';
import type { N150Config } from './compute-config.ts';

/** rows [R, K] times weights [K, N]: a new array [R, N]. */
export type Linear = (rows: Float32Array, weights: LoadedMatrix) => Float32Array;

export function createLinear(
  engine: MatmulEngine,
  config: N150Config,
  mathFidelity: MathFidelity,
  outputFormat: OutputFormat,
): Linear {
  const options = linearOptions(config, mathFidelity, outputFormat);
  return (rows, weights) => engine.matmul(rows, rows.length / weights.k, weights, options);
}

/** What the engine is told for a linear layer. */
export function linearOptions(
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

/** Section I: what ttnn 0.81 takes for partial sums. */
function automaticIntermediate({ fp32DestAcc, packerL1Acc }: N150Config, outputFormat: OutputFormat): OutputFormat {
  if (fp32DestAcc) return 'FP32';
  return outputFormat === 'BFP8_B' && !packerL1Acc ? 'BFP8_B' : 'BF16';
}
