// One pass of the body over the next positions of several sequences: their rows go through every layer together, attention sequence by sequence.
// Exactness: a sequence's rows have the bits that they have alone: no operation but attention looks at other rows, no product's sums depend on their
// number (graph/row-blocks.ts; weights that the runtime packs have one sum for any), and attention gets the same inputs as ever.
import type { ModelConfig } from '../src/checkpoint/config.ts';
import type { TapName } from '../src/device/logits-source.ts';
import { attend } from './attend.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import { BODY_IO, stageTaps } from './graph/qwen2-graph.ts';
import type { KvCache, PositionRow } from './kv-cache.ts';
import type { ReferenceRunners } from './open-runners.ts';
import { type RotaryFrequencies, rotaryTables } from './rotary.ts';

/** Positions of one sequence that attention takes in one pass; parts that follow each other may be of one sequence. */
export interface SequencePart {
  /** [P], P >= 1. */
  readonly tokenIds: Int32Array;
  readonly firstPosition: number;
  /** Of all positions before, those of earlier parts included. */
  readonly cache: KvCache;
  /** Where its keys and values are kept by layer, if it is one position that a later part may write over. */
  readonly kept?: PositionRow[];
}

export interface JointRows {
  /** [R, H] after the final norm: the rows of all parts, one after the other. */
  readonly hidden: Float32Array;
  /** [R, its width] each, for each tap that was asked for. */
  readonly taps: ReadonlyMap<TapName, Float32Array>;
}

export interface JointModel extends Pick<ReferenceRunners, 'body' | 'attention' | 'attentionOfOne'> {
  readonly config: ModelConfig;
  readonly frequencies: RotaryFrequencies;
  readonly taps: ReadonlySet<TapName>;
}

/**
 * Runs the layers and writes their keys and values into the caches, which grow by whoever counts them in. After a failure the sequences are good for being emptied only.
 *
 * @param wanted - taps to keep, of those that the body was built with: all of a large model's would be gigabytes.
 */
export async function runJointPass(
  model: JointModel,
  parts: readonly SequencePart[],
  wanted: ReadonlySet<TapName>,
): Promise<JointRows> {
  const { config } = model;
  const { layers, queryHeads, keyValueHeads, headDim, hiddenSize } = config;
  const queryWidth = queryHeads * headDim;
  const keyWidth = keyValueHeads * headDim;
  const inputs = joinedInputs(model, parts);
  const { rows } = inputs;
  const taps = new Map<TapName, Float32Array>();
  let hidden: Float32Array = new Float32Array(rows * hiddenSize);
  let mixed = new Float32Array(rows * queryWidth);
  for (let stage = 0; stage <= layers; stage++) {
    const made = await runStage(model, stage, { ...inputs, hidden, mixed });
    for (const [output, tap] of stageTaps(stage, layers, model.taps)) if (wanted.has(tap)) taps.set(tap, made(output));
    hidden = made(BODY_IO.hidden);
    if (stage === layers) break;
    const [queries, keys, values] = [made(BODY_IO.queries), made(BODY_IO.keys), made(BODY_IO.values)];
    mixed = new Float32Array(rows * queryWidth);
    let first = 0;
    for (const { tokenIds, cache, firstPosition, kept } of parts) {
      const count = tokenIds.length;
      const rowsOf = (all: Float32Array, width: number): Float32Array =>
        all.subarray(first * width, (first + count) * width);
      const own = {
        queries: rowsOf(queries, queryWidth),
        keys: rowsOf(keys, keyWidth),
        values: rowsOf(values, keyWidth),
      };
      mixed.set(await attend(model, cache, stage, { firstPosition, count }, own), first * queryWidth);
      kept?.push({ keys: own.keys.slice(), values: own.values.slice() });
      first += count;
    }
  }
  return { hidden, taps };
}

interface JoinedInputs {
  readonly rows: number;
  readonly tokenIds: BigInt64Array;
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

function joinedInputs({ config, frequencies }: JointModel, parts: readonly SequencePart[]): JoinedInputs {
  const half = config.headDim / 2;
  const rows = parts.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0);
  const tokenIds = new BigInt64Array(rows);
  const cos = new Float32Array(rows * half);
  const sin = new Float32Array(rows * half);
  let first = 0;
  for (const part of parts) {
    tokenIds.set(BigInt64Array.from(part.tokenIds, BigInt), first);
    const tables = rotaryTables(frequencies, part.firstPosition, part.tokenIds.length);
    cos.set(tables.cos, first * half);
    sin.set(tables.sin, first * half);
    first += part.tokenIds.length;
  }
  return { rows, tokenIds, cos, sin };
}

/** @returns the stage's outputs by name. */
async function runStage(
  { config: { headDim, hiddenSize, queryHeads }, body }: JointModel,
  stage: number,
  inputs: JoinedInputs & { readonly hidden: Float32Array; readonly mixed: Float32Array },
): Promise<(output: string) => Float32Array> {
  const { rows, tokenIds } = inputs;
  const float32 = (values: Float32Array, width: number, ...outer: number[]): Tensor =>
    new Tensor('float32', values, [...outer, rows, width]);
  const outputs = await body.run({
    [BODY_IO.stage]: new Tensor('int64', BigInt64Array.of(BigInt(stage)), []),
    [BODY_IO.tokenIds]: new Tensor('int64', tokenIds, [rows]),
    [BODY_IO.cos]: float32(inputs.cos, headDim / 2, 1),
    [BODY_IO.sin]: float32(inputs.sin, headDim / 2, 1),
    [BODY_IO.hiddenIn]: float32(inputs.hidden, hiddenSize),
    [BODY_IO.mixed]: float32(inputs.mixed, queryHeads * headDim),
  });
  return (output) => outputs[output]!.data as Float32Array;
}
