// What a precision has to define: the operations of a Qwen2 layer on float32 values.
import type { Widen } from './checkpoint-weights.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

/** Heads and sizes of one attention. */
export interface AttentionShape {
  readonly queryHeads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
}

export interface AttentionInputs {
  /** [P, Q*D], rotated. */
  readonly queries: Value;
  /** [P, K*D], rotated. */
  readonly keys: Value;
  /** [P, K*D]. */
  readonly values: Value;
  /** [1, K, S-P, D]. */
  readonly pastKeys: Value;
  readonly pastValues: Value;
}

/** What one position's attention reads: of each key head, of all positions including its own. */
export interface OnePositionInputs {
  /** [1, Q*D], rotated. */
  readonly queries: Value;
  /** K of [S, D], rotated. */
  readonly keys: readonly Value[];
  /** K of [S, D]. */
  readonly values: readonly Value[];
}

export interface AttentionOutputs {
  /** [P, Q*D]. */
  readonly mixed: Value;
  /** [1, K, S, D]. */
  readonly presentKeys: Value;
  readonly presentValues: Value;
}

/** Cosines and sines of this pass's positions, [1, P, D/2] each. */
export interface RotaryInputs {
  readonly cos: Value;
  readonly sin: Value;
}

/** All values are float32 tensors; a lower precision rounds each result to what its format can hold. */
export interface Operators {
  readonly widenWeight: Widen;
  /** x [P, H], weight [H] -> [P, H]. */
  rmsNorm(builder: GraphBuilder, x: Value, weight: Value, epsilon: number): Value;
  /** x [P, K], weight [N, K] in slices of its rows, bias [N] -> [P, N]; for weights that the runtime packs once. */
  linear(builder: GraphBuilder, x: Value, weight: readonly Value[], bias?: Value): Value;
  /** The same of weights that are not packed: columns [B, K, 16] (`columnsOf`) -> [B, 16, N]. */
  linearOfBlocks(builder: GraphBuilder, columns: Value, weight: readonly Value[], bias: Value | undefined): Value;
  /** x [P, heads*D] -> the same shape, halves of each head rotated by the position's angles. */
  rotate(builder: GraphBuilder, x: Value, heads: number, headDim: number, rotary: RotaryInputs): Value;
  /** Causal attention of P queries over S positions. */
  attention(builder: GraphBuilder, inputs: AttentionInputs, shape: AttentionShape): AttentionOutputs;
  /** Attention of the last of S positions: no key is after it. [1, Q*D]. */
  attentionOfOne(builder: GraphBuilder, inputs: OnePositionInputs, shape: AttentionShape): Value;
  /** silu(gate) * up. */
  gatedSilu(builder: GraphBuilder, gate: Value, up: Value): Value;
  add(builder: GraphBuilder, a: Value, b: Value): Value;
}
