// Attention of one sequence in one layer: of several positions, whose keys and values come back with all before them, or of one, over all where they lie.
import { Tensor } from './graph/onnx-runtime.ts';
import { keyHead, valueHead } from './graph/step-graphs.ts';
import type { KvCache, PositionRow } from './kv-cache.ts';
import type { ReferenceRunners } from './open-runners.ts';

/** Of P positions: [P, Q*D], [P, K*D] twice, rotated where they are to be. */
export interface AttentionRows extends PositionRow {
  readonly queries: Float32Array;
}

type AttentionRunners = Pick<ReferenceRunners, 'attention' | 'attentionOfOne'>;

/**
 * Attention of positions that follow `firstPosition` others; their keys and values are in the layer's cache afterwards.
 *
 * @returns [P, Q*D].
 */
export async function attend(
  runners: AttentionRunners,
  cache: KvCache,
  layer: number,
  { firstPosition, count }: { readonly firstPosition: number; readonly count: number },
  rows: AttentionRows,
): Promise<Float32Array> {
  return count === 1
    ? attendOne(runners, cache, layer, firstPosition, rows)
    : attendSeveral(runners, cache, layer, count, rows);
}

async function attendOne(
  { attentionOfOne }: AttentionRunners,
  cache: KvCache,
  layer: number,
  position: number,
  rows: AttentionRows,
): Promise<Float32Array> {
  cache.write(layer, position, rows);
  const { keys, values } = cache.headsOf(layer, position + 1);
  const { mixed } = await attentionOfOne.run({
    queries: matrixOf(rows.queries, 1),
    ...Object.fromEntries(keys.map((tensor, head) => [keyHead(head), tensor])),
    ...Object.fromEntries(values.map((tensor, head) => [valueHead(head), tensor])),
  });
  return mixed!.data as Float32Array;
}

async function attendSeveral(
  { attention }: AttentionRunners,
  cache: KvCache,
  layer: number,
  count: number,
  { queries, keys, values }: AttentionRows,
): Promise<Float32Array> {
  const past = cache.of(layer);
  const outputs = await attention.run({
    queries: matrixOf(queries, count),
    keys: matrixOf(keys, count),
    values: matrixOf(values, count),
    past_keys: past.keys,
    past_values: past.values,
  });
  cache.replace(layer, { keys: outputs['present_keys']!, values: outputs['present_values']! });
  return outputs['mixed']!.data as Float32Array;
}

function matrixOf(values: Float32Array, rows: number): Tensor {
  return new Tensor('float32', values, [rows, values.length / rows]);
}
