// What BFP8_B does to the keys of a real model: its key biases by layer, and the error of attention's scores from rounding them.
// Source: docs/numerics.md section 8, whose tables this prints.
import { layerPrefix } from '../../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../../src/checkpoint/weights.ts';
import type { N150Config } from '../../../src/device/n150/compute-config.ts';
import { parseDeviceOptions } from '../../../src/device/n150/device-options.ts';
import { createN150Source } from '../../../src/device/n150/n150-source.ts';
import { createPlainAttention } from '../../../src/device/n150/ops/plain-attention.ts';
import { createRotate } from '../../../src/device/n150/ops/rotary.ts';
import { rotaryFrequencies, writeRotaryTables } from '../../../src/device/n150/ops/rotary-tables.ts';
import type {
  AttentionKnobs,
  AttentionShape,
  DeviceEngine,
  LayerAttention,
} from '../../../src/device/wormhole/attention-engine.ts';
import { packMatrix, unpackMatrix } from '../../../src/device/wormhole/host-packing.ts';
import { createKvPacking } from '../../../src/device/wormhole/kv-packing.ts';
import { roundToBf16TiesEven } from '../../../src/numerics/bf16.ts';

/** The device without noise: what the keys would be. */
export function quietOptions({ config }: Checkpoint): string {
  return `tier=fp32,weightFormat=BF16,lmHeadFormat=BF16,biasFormat=BF16,rmsEps=${config.rmsNormEps}`;
}

/** A way of storing keys; the errors are its own, nothing else of the device's noise. */
export type KeyStorage = 'BF16' | 'BFP8_B bias' | 'BFP8_B cache' | 'BFP8_B both';
export const KEY_STORAGES: readonly KeyStorage[] = ['BF16', 'BFP8_B bias', 'BFP8_B cache', 'BFP8_B both'];

export interface LayerKeys {
  readonly layer: number;
  /** Euclidean norm of the key bias, the head with the largest. */
  readonly biasNorm: number;
  readonly biasMax: number;
  /** Step of BFP8_B for all 16 channels of the block that holds the largest bias. */
  readonly step: number;
  /** Median over tokens, heads and channels of |key - its bias|, before the rotation: what tells one key from another. */
  readonly contentMedian: number;
  /**
   * Error of the scores in nats for each storage: standard deviation over the keys of a row, weighted as attention weighs them (what all
   * keys have in common cancels in the softmax); mean over rows and query heads.
   */
  readonly scoreError: Readonly<Record<KeyStorage, number>>;
  /** The same of the worst query head with a BFP8_B cache and bias. */
  readonly worstHead: { readonly head: number; readonly scoreError: number };
}

/** Runs the model without noise over `tokenIds` and rounds the keys of each layer beside it. */
export async function measureKeyRounding(
  checkpoint: Checkpoint,
  tokenIds: Int32Array,
  engine: DeviceEngine,
): Promise<readonly LayerKeys[]> {
  const measured: (() => LayerKeys)[] = [];
  const watching: DeviceEngine = {
    ...engine,
    // Opened once a layer, in order.
    openAttention(shape, knobs) {
      const watched = watchLayer(checkpoint, measured.length, shape, knobs);
      measured.push(watched.result);
      return watched.attention;
    },
  };
  const source = await createN150Source(checkpoint, parseDeviceOptions(quietOptions(checkpoint)), watching);
  await source.feed(tokenIds, { rows: 'all' }, () => {});
  const results = measured.map((result) => result());
  await source.close();
  return results;
}

function watchLayer(
  checkpoint: Checkpoint,
  layer: number,
  shape: AttentionShape,
  knobs: AttentionKnobs,
): { readonly attention: LayerAttention; readonly result: () => LayerKeys } {
  const { keyValueHeads, queryHeads, headDim } = shape;
  const attention = createPlainAttention(shape, knobs);
  const bias = checkpoint.readFloat32(`${layerPrefix(layer)}.self_attn.k_proj.bias`);
  const demo = parseDeviceOptions('');
  const largest = bias.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const packing = { format: 'BFP8_B', rounding: demo.hostBfpRounding } as const;
  const packedBias = unpackMatrix(packMatrix(bias, 1, bias.length, packing));
  const biasError = packedBias.map((value, i) => value - bias[i]!);
  const pack = createKvPacking(headDim, demo);
  const rotate = createRotator(checkpoint, headDim, parseDeviceOptions(quietOptions(checkpoint)));
  const scale = 1 / Math.sqrt(headDim);

  /** Keys of each storage, an entry a position: [K * D]. */
  const keys: Record<'exact' | KeyStorage, Float32Array[]> = {
    exact: [],
    BF16: [],
    'BFP8_B bias': [],
    'BFP8_B cache': [],
    'BFP8_B both': [],
  };
  const contents: number[] = [];
  /** Sums over rows of each query head. */
  const errors = new Map(KEY_STORAGES.map((storage) => [storage, new Float64Array(queryHeads)]));
  let rowCount = 0;

  const packHeads = (values: Float32Array): Float32Array => {
    const rounded = values.map(roundToBf16TiesEven);
    const packed = new Float32Array(values.length);
    for (let start = 0; start < values.length; start += headDim) packed.set(pack(rounded, start), start);
    return packed;
  };

  return {
    attention: {
      write(position, written, keysStart, values, valuesStart): void {
        attention.write(position, written, keysStart, values, valuesStart);
        const key = written.slice(keysStart, keysStart + keyValueHeads * headDim);
        const rotatedBias = rotate(bias, position);
        for (let i = 0; i < key.length; i++) contents.push(Math.abs(key[i]! - rotatedBias[i]!));
        const withBiasError = rotate(biasError, position).map((error, i) => key[i]! + error);
        keys.exact.push(key);
        keys.BF16.push(key.map(roundToBf16TiesEven));
        keys['BFP8_B bias'].push(withBiasError);
        keys['BFP8_B cache'].push(packHeads(key));
        keys['BFP8_B both'].push(packHeads(withBiasError));
      },
      attend(queries, stride, rows, firstPosition): Float32Array {
        for (let row = 0; row < rows; row++) {
          for (let head = 0; head < queryHeads; head++) {
            const start = row * stride + head * headDim;
            const query = queries.subarray(start, start + headDim);
            const keyStart = Math.floor((head * keyValueHeads) / queryHeads) * headDim;
            const count = firstPosition + row + 1;
            const exact = scoresOf(query, keys.exact, keyStart, count, scale);
            for (const storage of KEY_STORAGES) {
              const sums = errors.get(storage)!;
              const rounded = scoresOf(query, keys[storage], keyStart, count, scale);
              sums[head] = sums[head]! + weightedDeviation(exact, rounded);
            }
          }
        }
        rowCount += rows;
        return attention.attend(queries, stride, rows, firstPosition);
      },
      release: () => attention.release(),
    },
    result: () => {
      const meanOfHead = errors.get('BFP8_B both')!.map((sum) => sum / rowCount);
      const worst = Math.max(...meanOfHead);
      return {
        layer,
        biasNorm: Math.max(...headNorms(bias, headDim)),
        biasMax: largest,
        // Seven bits below the block's largest exponent.
        step: 2 ** (Math.floor(Math.log2(largest)) - 6),
        contentMedian: contents.sort((a, b) => a - b)[contents.length >> 1]!,
        scoreError: Object.fromEntries(
          KEY_STORAGES.map((storage) => [storage, mean(errors.get(storage)!) / rowCount]),
        ) as LayerKeys['scoreError'],
        worstHead: { head: meanOfHead.indexOf(worst), scoreError: worst },
      };
    },
  };
}

/** Rotates the heads of [K * D] to a position, in float32. */
function createRotator(checkpoint: Checkpoint, headDim: number, config: N150Config) {
  const frequencies = rotaryFrequencies(headDim, checkpoint.config.ropeTheta, undefined);
  const rotateHead = createRotate(headDim, config);
  const cosines = new Float32Array(headDim / 2);
  const sines = new Float32Array(headDim / 2);
  return (values: Float32Array, position: number): Float32Array => {
    writeRotaryTables(frequencies, position, true, cosines, sines);
    const rotated = values.slice();
    for (let start = 0; start < rotated.length; start += headDim) rotateHead(rotated, start, cosines, sines);
    return rotated;
  };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function headNorms(bias: Float32Array, headDim: number): number[] {
  const norms: number[] = [];
  for (let start = 0; start < bias.length; start += headDim) {
    norms.push(Math.hypot(...bias.subarray(start, start + headDim)));
  }
  return norms;
}

function scoresOf(
  query: Float32Array,
  keys: readonly Float32Array[],
  keyStart: number,
  count: number,
  scale: number,
): Float64Array {
  return Float64Array.from({ length: count }, (_, j) => {
    const key = keys[j]!;
    let dot = 0;
    for (let d = 0; d < query.length; d++) dot += query[d]! * key[keyStart + d]!;
    return dot * scale;
  });
}

/** Standard deviation of rounded - exact under the softmax of the exact scores. */
function weightedDeviation(exact: Float64Array, rounded: Float64Array): number {
  const maximum = exact.reduce((largest, score) => Math.max(largest, score), Number.NEGATIVE_INFINITY);
  let total = 0;
  let first = 0;
  let second = 0;
  for (let j = 0; j < exact.length; j++) {
    const weight = Math.exp(exact[j]! - maximum);
    const error = rounded[j]! - exact[j]!;
    total += weight;
    first += weight * error;
    second += weight * error * error;
  }
  return Math.sqrt(Math.max(0, second / total - (first / total) ** 2));
}
