// Scales that AWQ and SmoothQuant move from one tensor into its neighbour: what remains is compared with the base so scaled.
// Source: AutoAWQ `awq/quantize/scale.py`: norm -> q, k, v; norm -> gate, up; v -> o; up -> down.
import type { DecodedTensor } from '../../../src/checkpoint/checkpoint-tensor.ts';
import { sidesOf } from '../../../src/checkpoint/checkpoint-tensor.ts';
import type { ModelConfig } from '../../../src/checkpoint/config.ts';
import { layerPrefix } from '../../../src/checkpoint/tensor-names.ts';
import { isRounded, type MeasuredTensor } from './measured-tensor.ts';
import { readRowsOf, type TensorPair } from './tensor-pair.ts';

/** Gains may miss their counterparts by this much, for this part of them. */
const GAIN_TOLERANCE = 0.1;
const MATCHED_MIN = 0.9;
/** What may be left of the error that gains of rows leave (a tensor may have scales of both kinds). */
const ERROR_LEFT_MAX = 0.5;

export interface Folds {
  /** Name -> measured against the base with the scales moved; the norms that carry them among them. */
  readonly tensors: ReadonlyMap<string, MeasuredTensor>;
  readonly notes: readonly string[];
}

type Heads = Pick<ModelConfig, 'layers' | 'queryHeads' | 'keyValueHeads' | 'headDim'>;

export function findFolds(
  measured: ReadonlyMap<string, MeasuredTensor>,
  config: Heads,
  measure: (pair: TensorPair) => MeasuredTensor,
): Folds {
  const tensors = new Map<string, MeasuredTensor>();
  const now = (name: string): MeasuredTensor => tensors.get(name) ?? measured.get(name)!;
  const folded = new Set<string>();

  function fromNorm(prefix: string, norm: string, consumers: readonly string[]): void {
    const carrier = now(`${prefix}.${norm}.weight`);
    if (isRounded(carrier)) return;
    const factors = carrier.columnGains.map((gain) => 1 / gain);
    const again = consumers.map((name) => measure(scaled(now(`${prefix}.${name}.weight`).pair, undefined, factors)));
    const fits = again.every(
      ({ pair, figures }) => figures.rowResidual <= ERROR_LEFT_MAX * now(pair.name).figures.rowResidual,
    );
    if (!fits) return;
    keep(
      [...again, measure(scaled(carrier.pair, undefined, carrier.columnGains))],
      `norms into ${consumers.map(short).join(', ')}`,
    );
  }

  function fromRows(prefix: string, producer: string, consumer: string, columnOf: (column: number) => number): void {
    const maker = now(`${prefix}.${producer}.weight`);
    const user = now(`${prefix}.${consumer}.weight`);
    if (isRounded(maker) || isRounded(user)) return;
    const matching = user.columnGains.map((gain, column) => gain * maker.rowGains[columnOf(column)]!);
    const matched = matching.filter((product) => Math.abs(product - 1) < GAIN_TOLERANCE).length;
    const moved = maker.rowGains.filter((gain) => Math.abs(gain - 1) > GAIN_TOLERANCE).length;
    if (matched < MATCHED_MIN * matching.length || moved < maker.rowGains.length / 10) return;
    const again = [
      measure(scaled(maker.pair, maker.rowGains)),
      measure(scaled(user.pair, undefined, user.columnGains)),
    ];
    const bias = measured.get(`${prefix}.${producer}.bias`);
    if (bias !== undefined) again.push(measure(scaled(bias.pair, undefined, maker.rowGains)));
    keep(again, `${short(producer)} into ${short(consumer)}`);
  }

  function keep(again: readonly MeasuredTensor[], what: string): void {
    for (const tensor of again) tensors.set(tensor.pair.name, tensor);
    folded.add(what);
  }

  const queriesPerKey = config.queryHeads / config.keyValueHeads;
  const keyRow = (column: number): number =>
    Math.floor(column / config.headDim / queriesPerKey) * config.headDim + (column % config.headDim);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = layerPrefix(layer);
    fromNorm(prefix, 'input_layernorm', ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj']);
    fromNorm(prefix, 'post_attention_layernorm', ['mlp.gate_proj', 'mlp.up_proj']);
    fromRows(prefix, 'self_attn.v_proj', 'self_attn.o_proj', keyRow);
    fromRows(prefix, 'mlp.up_proj', 'mlp.down_proj', (column) => column);
  }
  const notes = [...folded].map(
    (what) => `Scales are folded from ${what}, as AWQ and SmoothQuant do: SQNR is that against the base so scaled.`,
  );
  return { tensors, notes };
}

function short(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** The pair with the base's rows and columns multiplied. */
function scaled(pair: TensorPair, rows: Float32Array | undefined, columns?: Float32Array): TensorPair {
  const { base } = pair;
  const [, width] = sidesOf(base);
  const scaledBase: DecodedTensor = {
    kind: 'decoded',
    shape: base.shape,
    format: 'scaled',
    file: base.file,
    lengthBytes: base.lengthBytes,
    decodeRows(firstRow, out) {
      const count = out.length / width;
      out.set(
        readRowsOf(
          base,
          Array.from({ length: count }, (_, i) => firstRow + i),
        ),
      );
      for (let i = 0; i < out.length; i++) {
        out[i]! *= (rows?.[firstRow + Math.floor(i / width)] ?? 1) * (columns?.[i % width] ?? 1);
      }
    },
  };
  return { ...pair, base: scaledBase };
}
