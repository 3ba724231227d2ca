// A checkpoint's weights as the N150 holds them: packed linear layers, unpacked biases and norms.
// Source: n150-numerics A.3, C: q, k and v concatenated along the output features, all linears transposed to [K, N].
import type { Checkpoint } from '../../checkpoint/weights.ts';
import { roundAllToBf16TiesEven } from '../../numerics/bf16.ts';
import type { N150Config } from './compute-config.ts';
import { packMatrix, packTransposedWeights, unpackMatrix } from './host-packing.ts';
import type { LoadedMatrix, MatmulEngine, WeightFormat } from './matmul-engine.ts';

export interface LayerWeights {
  /** [H] BF16. */
  readonly inputLayernorm: Float32Array;
  /** [H, (Q + 2K) * D]. */
  readonly qkvProj: LoadedMatrix;
  /** [(Q + 2K) * D], values of `biasFormat`. */
  readonly qkvBias: Float32Array;
  /** [Q * D, H]. */
  readonly oProj: LoadedMatrix;
  /** [H] BF16. */
  readonly postAttentionLayernorm: Float32Array;
  /** [H, F]. */
  readonly gateProj: LoadedMatrix;
  /** [H, F]. */
  readonly upProj: LoadedMatrix;
  /** [F, H]. */
  readonly downProj: LoadedMatrix;
}

export interface DeviceWeights {
  readonly layers: readonly LayerWeights[];
  /** [H] BF16. */
  readonly norm: Float32Array;
  /** [H, V]. */
  readonly lmHead: LoadedMatrix;
  /** Writes the embedding of one token, [H] BF16, to `out` from `start`. */
  embed(tokenId: number, out: Float32Array, start: number): void;
  /** Gives every matrix back to the engine. */
  release(engine: MatmulEngine): void;
}

/** Told after each packed layer; the last call has packed = total. */
export type PackingProgress = (packed: number, total: number) => void;

/** Packs every weight of the checkpoint and hands it to the engine. */
export function loadDeviceWeights(
  checkpoint: Checkpoint,
  config: N150Config,
  engine: MatmulEngine,
  onProgress: PackingProgress = () => {},
): DeviceWeights {
  const { layers } = checkpoint.config;
  const loadedLayers: LayerWeights[] = [];
  for (let layer = 0; layer < layers; layer++) {
    loadedLayers.push(loadLayer(checkpoint, layer, config, engine));
    onProgress(layer + 1, layers + 1);
  }
  const lmHead = loadLinear(checkpoint, [checkpoint.lmHeadName], config.lmHeadFormat, config, engine);
  onProgress(layers + 1, layers + 1);
  const embeddings = new Map<number, Float32Array>();
  return {
    layers: loadedLayers,
    norm: readBf16(checkpoint, 'model.norm.weight', config),
    lmHead,
    embed(tokenId, out, start): void {
      let row = embeddings.get(tokenId);
      if (row === undefined) {
        row = checkpoint.readRows('model.embed_tokens.weight', tokenId, 1);
        if (config.tier !== 'fp32') roundAllToBf16TiesEven(row);
        embeddings.set(tokenId, row);
      }
      out.set(row, start);
    },
    release(owner): void {
      for (const { qkvProj, oProj, gateProj, upProj, downProj } of loadedLayers) {
        for (const matrix of [qkvProj, oProj, gateProj, upProj, downProj]) owner.release(matrix);
      }
      owner.release(lmHead);
    },
  };
}

function loadLayer(checkpoint: Checkpoint, layer: number, config: N150Config, engine: MatmulEngine): LayerWeights {
  const prefix = `model.layers.${layer}`;
  const linear = (...names: string[]): LoadedMatrix =>
    loadLinear(
      checkpoint,
      names.map((name) => `${prefix}.${name}.weight`),
      config.weightFormat,
      config,
      engine,
    );
  return {
    inputLayernorm: readBf16(checkpoint, `${prefix}.input_layernorm.weight`, config),
    qkvProj: linear('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'),
    qkvBias: loadBias(checkpoint, prefix, config),
    oProj: linear('self_attn.o_proj'),
    postAttentionLayernorm: readBf16(checkpoint, `${prefix}.post_attention_layernorm.weight`, config),
    gateProj: linear('mlp.gate_proj'),
    upProj: linear('mlp.up_proj'),
    downProj: linear('mlp.down_proj'),
  };
}

/** Rows of several [N, K] weights, one below the other, packed as one [K, sum of N]. */
function loadLinear(
  checkpoint: Checkpoint,
  names: readonly string[],
  format: WeightFormat,
  config: N150Config,
  engine: MatmulEngine,
): LoadedMatrix {
  const weights = concatenate(names.map((name) => checkpoint.readFloat32(name)));
  const k = checkpoint.tensors.get(names[0]!)!.shape[1]!;
  return engine.load(
    packTransposedWeights(weights, weights.length / k, k, { format, rounding: config.hostBfpRounding }),
  );
}

function loadBias(checkpoint: Checkpoint, prefix: string, config: N150Config): Float32Array {
  const bias = concatenate(
    ['q_proj', 'k_proj', 'v_proj'].map((name) => checkpoint.readFloat32(`${prefix}.self_attn.${name}.bias`)),
  );
  const options = { format: config.biasFormat, rounding: config.hostBfpRounding };
  return unpackMatrix(packMatrix(bias, 1, bias.length, options));
}

function readBf16(checkpoint: Checkpoint, name: string, config: N150Config): Float32Array {
  const values = checkpoint.readFloat32(name);
  if (config.tier !== 'fp32') roundAllToBf16TiesEven(values);
  return values;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
