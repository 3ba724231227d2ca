// The operations in float32, by the runtime's own operators: the golden precision.
// Exactness: each operator rounds a few times per element; how far the whole model is from float64 is measured in
// onnx-reference.system.test.ts.
import type { GraphBuilder, Value } from './graph-builder.ts';
import type { Operators } from './operators.ts';
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
