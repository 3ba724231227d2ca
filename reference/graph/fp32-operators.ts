// The operations in float32, by the runtime's own operators: the golden precision.
// Exactness: each operator rounds a few times per element; how far the whole model is from float64 is measured in
// onnx-reference.system.test.ts.
import type { GraphBuilder, Value } from './graph-builder.ts';
import type { AttentionShape, OnePositionInputs, Operators } from './operators.ts';
import { linearOfBlocks } from './row-blocks.ts';

export const FP32_OPERATORS: Operators = {
  widenWeight: (builder, stored, elementType) => (elementType === 'FLOAT' ? stored : builder.cast(stored, 'FLOAT')),

  rmsNorm: (builder, x, weight, epsilon) =>
    builder.node('RMSNormalization', [x, weight], { axis: -1, epsilon: { float: epsilon } }),

  linear,
  linearOfBlocks,

  rotate(builder, x, heads, _headDim, { cos, sin }) {
    const rotated = builder.node('RotaryEmbedding', [withBatch(builder, x), cos, sin], { num_heads: heads });
    return withoutBatch(builder, rotated);
  },

  attention(builder, { queries, keys, values, pastKeys, pastValues }, { queryHeads, keyValueHeads, headDim }) {
    const tensors = [queries, keys, values].map((value) => withBatch(builder, value));
    const noMask = '';
    const [mixed, presentKeys, presentValues] = builder.nodes(
      'Attention',
      [...tensors, noMask, pastKeys, pastValues],
      3,
      {
        is_causal: 1,
        q_num_heads: queryHeads,
        kv_num_heads: keyValueHeads,
        scale: { float: 1 / Math.sqrt(headDim) },
      },
    );
    return { mixed: withoutBatch(builder, mixed!), presentKeys: presentKeys!, presentValues: presentValues! };
  },

  attentionOfOne: (builder, inputs, shape) =>
    overKeyHeads(builder, inputs, shape, (scores, values) => {
      const weights = builder.node('Softmax', [scores], { axis: -1 });
      return builder.node('MatMul', [weights, values]);
    }),

  gatedSilu(builder, gate, up) {
    return builder.node('Mul', [silu(builder, gate), up]);
  },

  add: (builder, a, b) => builder.node('Add', [a, b]),
};

/** x [P, K], weight [N, K] in slices of its rows, bias [N] -> [P, N]. */
export function linear(builder: GraphBuilder, x: Value, weight: readonly Value[], bias?: Value): Value {
  const gemm = (...inputs: readonly Value[]): Value => builder.node('Gemm', [x, ...inputs], { transB: 1 });
  if (weight.length === 1) return bias === undefined ? gemm(weight[0]!) : gemm(weight[0]!, bias);
  const products = weight.map((slice) => gemm(slice));
  const joined = builder.node('Concat', products, { axis: 1 });
  return bias === undefined ? joined : builder.node('Add', [joined, bias]);
}

/**
 * Attention of one position, key head by key head: a group of G query heads shares it. Keys are the left factor of their product, where they are
 * read as they lie.
 *
 * @param mix - scores [G, S] and values [S, D] -> [G, D].
 */
export function overKeyHeads(
  builder: GraphBuilder,
  { queries, keys, values }: OnePositionInputs,
  { queryHeads, keyValueHeads, headDim }: AttentionShape,
  mix: (scores: Value, values: Value) => Value,
): Value {
  const group = queryHeads / keyValueHeads;
  const byHead = builder.node('Reshape', [queries, builder.int64([keyValueHeads, group, headDim])]);
  // A product of one column or one row has a kernel of its own that sums in another order than those of more rows.
  const several = group === 1 ? builder.node('Concat', [byHead, byHead], { axis: 1 }) : byHead;
  const columns = builder.node('Transpose', [several], { perm: [0, 2, 1] });
  const mixed = keys.map((head, i) => {
    const own = builder.node('Gather', [columns, builder.int64Scalar(i)], { axis: 0 });
    const scores = builder.node('Transpose', [builder.node('MatMul', [head, own])], { perm: [1, 0] });
    const scaled = builder.node('Mul', [scores, builder.float(1 / Math.sqrt(headDim))]);
    const made = mix(scaled, values[i]!);
    const wanted = group === 1 ? builder.node('Gather', [made, builder.int64([0])], { axis: 0 }) : made;
    return builder.node('Reshape', [wanted, builder.int64([1, group * headDim])]);
  });
  return mixed.length === 1 ? mixed[0]! : builder.node('Concat', mixed, { axis: 1 });
}

/** x / (1 + e^-x); where e^-x overflows the quotient is the right limit, -0. */
export function silu(builder: GraphBuilder, x: Value): Value {
  const exponential = builder.node('Exp', [builder.node('Neg', [x])]);
  return builder.node('Div', [x, builder.node('Add', [exponential, builder.float(1)])]);
}

function withBatch(builder: GraphBuilder, value: Value): Value {
  return builder.node('Unsqueeze', [value, builder.int64([0])]);
}

function withoutBatch(builder: GraphBuilder, value: Value): Value {
  return builder.node('Squeeze', [value, builder.int64([0])]);
}
