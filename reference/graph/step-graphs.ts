// The steps of a layer as graphs of their own: attention, and for checkpoints that are decoded while they are used all others, weights as inputs.
// Exactness: the same operators on the same values as the body's graph; products sum in another order.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import { type Axis, GraphBuilder, type Value } from './graph-builder.ts';
import type { Operators } from './operators.ts';
import { columnsOf, ROWS_PER_BLOCK } from './row-blocks.ts';

/** The outputs of a step's graph are named so, in order. */
export const STEP_OUTPUTS = {
  embed: ['embedded'],
  norm: ['normed'],
  linear: ['product'],
  linearWithBias: ['product'],
  rotate: ['queries_rotated', 'keys_rotated'],
  attention: ['mixed', 'present_keys', 'present_values'],
  attentionOfOne: ['mixed'],
  gatedSilu: ['gated'],
  add: ['sum'],
} as const;

export type StepName = keyof typeof STEP_OUTPUTS;

/** Inputs of `attentionOfOne`. */
export const keyHead = (head: number): string => `keys_${head}`;
export const valueHead = (head: number): string => `values_${head}`;

/**
 * One graph a step, inputs by name:
 * embed: x [P, H]. norm: x [P, H], weight [H]. linear: x [B, 16, K], weight [R, K], with bias: bias [R]. rotate: queries [P, Q*D], keys [P, K*D],
 * cos, sin [1, P, D/2]. attention: queries, keys, rotated, values, past_keys, past_values [1, K, S-P, D]. attentionOfOne: queries [1, Q*D], and
 * `keyHead`, `valueHead` [S, D] of each key head. gatedSilu: gate, up [P, F]. add: a, b [P, H].
 */
export function buildSteps(config: ModelConfig, operators: Operators): Readonly<Record<StepName, Uint8Array>> {
  const { queryHeads, keyValueHeads, headDim, rmsNormEps } = config;
  const rows = (builder: GraphBuilder, name: string, width: number | string): Value =>
    builder.input(name, 'FLOAT', ['P', width]);

  const outputShape = (output: string): readonly Axis[] => {
    if (output === 'product') return ['B', ROWS_PER_BLOCK, 'R'];
    return output.startsWith('present_') ? [1, keyValueHeads, 'S', headDim] : ['P', `${output}_width`];
  };
  const step = (name: StepName, make: (builder: GraphBuilder) => readonly Value[]): Uint8Array => {
    const builder = new GraphBuilder(name);
    const values = make(builder);
    STEP_OUTPUTS[name].forEach((output, i) => {
      builder.output(output, values[i]!, 'FLOAT', outputShape(output));
    });
    return builder.toBytes();
  };
  /** Weights come as float32; a lower precision rounds them as it does those that it reads from a file. */
  const weight = (builder: GraphBuilder, name: string, shape: readonly string[]): Value =>
    operators.widenWeight(builder, builder.input(name, 'FLOAT', shape), 'FLOAT');
  const linear = (bias: boolean) => (builder: GraphBuilder) => {
    const columns = columnsOf(builder, builder.input('x', 'FLOAT', ['B', ROWS_PER_BLOCK, 'K']));
    const matrix = weight(builder, 'weight', ['R', 'K']);
    return [operators.linearOfBlocks(builder, columns, [matrix], bias ? weight(builder, 'bias', ['R']) : undefined)];
  };

  return {
    embed: step('embed', (builder) => [operators.widenWeight(builder, rows(builder, 'x', 'H'), 'FLOAT')]),
    norm: step('norm', (builder) => [
      operators.rmsNorm(builder, rows(builder, 'x', 'H'), weight(builder, 'weight', ['H']), rmsNormEps),
    ]),
    linear: step('linear', linear(false)),
    linearWithBias: step('linearWithBias', linear(true)),
    rotate: step('rotate', (builder) => {
      const angles = ['P', headDim / 2] as const;
      const rotary = {
        cos: builder.input('cos', 'FLOAT', [1, ...angles]),
        sin: builder.input('sin', 'FLOAT', [1, ...angles]),
      };
      return [
        operators.rotate(builder, rows(builder, 'queries', queryHeads * headDim), queryHeads, headDim, rotary),
        operators.rotate(builder, rows(builder, 'keys', keyValueHeads * headDim), keyValueHeads, headDim, rotary),
      ];
    }),
    attention: step('attention', (builder) => {
      const [queries, keys, values] = (['queries', 'keys', 'values'] as const).map((name) =>
        rows(builder, name, (name === 'queries' ? queryHeads : keyValueHeads) * headDim),
      ) as [Value, Value, Value];
      const past = [1, keyValueHeads, 'past', headDim] as const;
      const pastKeys = builder.input('past_keys', 'FLOAT', past);
      const pastValues = builder.input('past_values', 'FLOAT', past);
      const { mixed, presentKeys, presentValues } = operators.attention(
        builder,
        { queries, keys, values, pastKeys, pastValues },
        { queryHeads, keyValueHeads, headDim },
      );
      return [mixed, presentKeys, presentValues];
    }),
    attentionOfOne: step('attentionOfOne', (builder) => {
      const heads = (nameOf: (head: number) => string): Value[] =>
        Array.from({ length: keyValueHeads }, (_, head) => builder.input(nameOf(head), 'FLOAT', ['S', headDim]));
      const queries = builder.input('queries', 'FLOAT', [1, queryHeads * headDim]);
      const inputs = { queries, keys: heads(keyHead), values: heads(valueHead) };
      return [operators.attentionOfOne(builder, inputs, { queryHeads, keyValueHeads, headDim })];
    }),
    gatedSilu: step('gatedSilu', (builder) => [
      operators.gatedSilu(builder, rows(builder, 'gate', 'F'), rows(builder, 'up', 'F')),
    ]),
    add: step('add', (builder) => [operators.add(builder, rows(builder, 'a', 'H'), rows(builder, 'b', 'H'))]),
  };
}
