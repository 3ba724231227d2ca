// One decoder layer as the N150 runs it, op by op, with every named point shown on the way.
// Source: n150-numerics C.
import type { LayerTap } from '../taps.ts';
import type { LayerWeights } from './device-weights.ts';
import type { LayerOps } from './layer-ops.ts';
import type { PositionTables } from './ops/position-tables.ts';
import { fromRow, type Rows } from './rows.ts';

/** A layer while a pass runs through it. */
export interface RunningLayer {
  readonly ops: LayerOps;
  readonly weights: LayerWeights;
  readonly tables: PositionTables;
  readonly firstPosition: number;
  /** Rows before it get keys and values only. */
  readonly firstRow: number;
  /** Whether somebody looks at what the KV cache makes of keys and values: it costs a packing. */
  readonly showsCache: boolean;
  /** Shows rows and gives them back. */
  readonly tap: <R extends Rows>(name: LayerTap, rows: R) => R;
}

/** Adds attention and MLP to the residual stream [P, H], in place. */
export function decoderLayer(layer: RunningLayer, hidden: Float32Array): void {
  const { ops, weights, tap } = layer;
  const attended = attention(layer, tap('input_layernorm.out', ops.norm(hidden, weights.inputLayernorm)));
  const stream = tap(
    'post_attention_layernorm.in',
    ops.add(hidden.subarray(hidden.length - attended.length), attended),
  );
  const fed = mlp(layer, tap('post_attention_layernorm.out', ops.norm(stream, weights.postAttentionLayernorm)));
  ops.add(stream, fed);
}

/** [P, H] -> [P - firstRow, H]. */
function attention({ ops, weights, tap, ...pass }: RunningLayer, normed: Float32Array): Float32Array {
  const { tables, firstPosition, firstRow, showsCache } = pass;
  const rows = tables.cosines.length;
  const { queries, keys, values } = ops.qkv(normed, weights);
  tap('self_attn.q_proj.out', queries);
  tap('self_attn.k_proj.out', keys);
  tap('self_attn.v_proj.out', values);
  const turned = tap('self_attn.q_rotated', ops.rotate(queries, tables));
  const rotatedKeys = tap('self_attn.k_rotated', ops.rotate(keys, tables));
  // A cache packs again what it packed once, and it stays as it is.
  const kept = showsCache
    ? {
        keys: tap('self_attn.k_cached', ops.cached(rotatedKeys)),
        values: tap('self_attn.v_cached', ops.cached(values)),
      }
    : { keys: rotatedKeys, values };
  ops.remember(kept.keys, kept.values, firstPosition, rows);
  const mixed = ops.attend(fromRow(turned, firstRow), firstPosition + firstRow, rows - firstRow);
  return tap('self_attn.out', ops.o(tap('self_attn.o_proj.in', mixed), weights.oProj));
}

/** [R, H] -> [R, H]. */
function mlp({ ops, weights, tap }: RunningLayer, normed: Float32Array): Float32Array {
  const gate = tap('mlp.gate_proj.out', ops.gateUp(normed, weights.gateProj));
  const up = tap('mlp.up_proj.out', ops.gateUp(normed, weights.upProj));
  const product = tap('mlp.down_proj.in', ops.gatedSilu(gate, up));
  return tap('mlp.out', ops.down(product, weights.downProj));
}
