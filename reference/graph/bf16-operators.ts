// The operations as PyTorch does them in bfloat16 on a CPU: float32 inside an operation, rounded to bfloat16 after it.
// Source: Transformers `modeling_qwen2.py` in bfloat16; PyTorch's CPU flash attention (FlashAttentionKernel.cpp).
// Exactness: same rounding points, not the same bits: sums are added in another order.
import type { ElementType } from '../onnx/protos.ts';
import { linear, overKeyHeads, silu } from './fp32-operators.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';
import type { AttentionInputs, AttentionOutputs, AttentionShape, Operators } from './operators.ts';
import { linearOfBlocks } from './row-blocks.ts';

export const BF16_OPERATORS: Operators = {
  widenWeight(builder, stored, elementType) {
    return elementType === 'BFLOAT16' ? builder.cast(stored, 'FLOAT') : round(builder, stored);
  },

  // Transformers normalizes in float32, rounds, then multiplies by the weight in bfloat16.
  rmsNorm(builder, x, weight, epsilon) {
    const meanSquare = builder.node('ReduceMean', [builder.node('Mul', [x, x]), builder.int64([-1])], { keepdims: 1 });
    const deviation = builder.node('Sqrt', [builder.node('Add', [meanSquare, builder.float(epsilon)])]);
    const normed = round(builder, builder.node('Div', [x, deviation]));
    return round(builder, builder.node('Mul', [normed, weight]));
  },

  linear: (builder, ...inputs) => round(builder, linear(builder, ...inputs)),
  linearOfBlocks: (builder, ...inputs) => round(builder, linearOfBlocks(builder, ...inputs)),

  // q * cos + rotate_half(q) * sin, with tables in bfloat16 and a rounding after each of the three operations.
  rotate(builder, x, heads, headDim, { cos, sin }) {
    const perHead = builder.node('Reshape', [x, builder.int64([-1, heads, headDim])]);
    const half = headDim / 2;
    const [low, high] = builder.nodes('Split', [perHead, builder.int64([half, half])], 2, { axis: -1 });
    const [cosRow, sinRow] = [cos, sin].map((table) => {
      return round(builder, builder.node('Reshape', [table, builder.int64([-1, 1, half])]));
    });
    const turn = (a: Value, b: Value, sign: 'Add' | 'Sub'): Value => {
      const along = round(builder, builder.node('Mul', [a, cosRow!]));
      const across = round(builder, builder.node('Mul', [b, sinRow!]));
      return round(builder, builder.node(sign, [along, across]));
    };
    const turned = builder.node('Concat', [turn(low!, high!, 'Sub'), turn(high!, low!, 'Add')], { axis: -1 });
    return perPosition(builder, turned, heads * headDim);
  },

  attention,

  attentionOfOne: (builder, inputs, shape) =>
    overKeyHeads(builder, inputs, shape, (scores, values) => mixValues(builder, scores, values)),

  gatedSilu(builder, gate, up) {
    return round(builder, builder.node('Mul', [round(builder, silu(builder, gate)), up]));
  },

  add: (builder, a, b) => round(builder, builder.node('Add', [a, b])),
};

function attention(
  builder: GraphBuilder,
  { queries, keys, values, pastKeys, pastValues }: AttentionInputs,
  { queryHeads, keyValueHeads, headDim }: AttentionShape,
): AttentionOutputs {
  const group = queryHeads / keyValueHeads;
  const headsFirst = (x: Value, heads: number): Value => {
    const perHead = builder.node('Reshape', [x, builder.int64([1, -1, heads, headDim])]);
    return builder.node('Transpose', [perHead], { perm: [0, 2, 1, 3] });
  };
  const presentKeys = builder.node('Concat', [pastKeys, headsFirst(keys, keyValueHeads)], { axis: 2 });
  const presentValues = builder.node('Concat', [pastValues, headsFirst(values, keyValueHeads)], { axis: 2 });
  // [K, G, P, D] against [K, 1, D, S]: a group of query heads shares a key head.
  const grouped = builder.node('Reshape', [
    headsFirst(queries, queryHeads),
    builder.int64([keyValueHeads, group, -1, headDim]),
  ]);
  const keysByColumn = builder.node('Transpose', [presentKeys], { perm: [1, 0, 3, 2] });
  const valuesByRow = builder.node('Transpose', [presentValues], { perm: [1, 0, 2, 3] });
  const products = builder.node('MatMul', [grouped, keysByColumn]);
  const scaled = builder.node('Mul', [products, builder.float(1 / Math.sqrt(headDim))]);
  const scores = builder.node('Where', [causalMask(builder, pastKeys, presentKeys), scaled, builder.float(-Infinity)]);
  const mixed = mixValues(builder, scores, valuesByRow);
  const positionsFirst = builder.node('Transpose', [mixed], { perm: [2, 0, 1, 3] });
  return {
    mixed: perPosition(builder, positionsFirst, queryHeads * headDim),
    presentKeys,
    presentValues,
  };
}

/**
 * Scores [..., S] in float32, their softmax too; exponentials rounded to bfloat16 for the product with the values [..., S, D], divided by their
 * unrounded sum at the end.
 */
function mixValues(builder: GraphBuilder, scores: Value, values: Value): Value {
  const axis = builder.int64([-1]);
  const largest = builder.node('ReduceMax', [scores, axis], { keepdims: 1 });
  const exponentials = builder.node('Exp', [builder.node('Sub', [scores, largest])]);
  const sum = builder.node('ReduceSum', [exponentials, axis], { keepdims: 1 });
  const weighted = builder.node('MatMul', [round(builder, exponentials), values]);
  return round(builder, builder.node('Div', [weighted, sum]));
}

/**
 * [P, width]. The runtime would not know that the first axis is P again, nor of anything computed from it: then no
 * buffer matches another, and planning a session of 28 layers takes half a minute.
 */
function perPosition(builder: GraphBuilder, value: Value, width: number): Value {
  return builder.declare(builder.node('Reshape', [value, builder.int64([-1, width])]), 'FLOAT', ['P', width]);
}

/** [P, S], true where the key's position is not after the query's. */
function causalMask(builder: GraphBuilder, pastKeys: Value, presentKeys: Value): Value {
  const positions = (keys: Value): Value => {
    return builder.node('Squeeze', [builder.node('Shape', [keys], { start: 2, end: 3 }), builder.int64([0])]);
  };
  const past = positions(pastKeys);
  const total = positions(presentKeys);
  const one = builder.int64Scalar(1);
  const keyPositions = builder.node('Range', [builder.int64Scalar(0), total, one]);
  const queryPositions = builder.node('Unsqueeze', [builder.node('Range', [past, total, one]), builder.int64([1])]);
  return builder.node('GreaterOrEqual', [queryPositions, keyPositions]);
}

function round(builder: GraphBuilder, value: Value): Value {
  const rounded: ElementType = 'BFLOAT16';
  return builder.cast(builder.cast(value, rounded), 'FLOAT');
}
