// The reference's revision stands for its arithmetic: a graph that changes asks for the next one.
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/weights.ts';
import { fixturePath } from './golden-cases.fixture.ts';
import { buildBody, buildHead } from './graph/qwen2-graph.ts';
import { OPERATORS, REFERENCE_REVISION, SLICE_BYTES } from './onnx-reference.ts';

/** Raise REFERENCE_REVISION with a change of the digest: else a golden cache hands out rows of the graphs of before. */
const GRAPHS_OF_REVISION = {
  revision: 1,
  sha256: '17e1c91bfae8606ab46b8aca022859e59ad34e7b82734c24ec493891668a5a80',
};

it('is raised when a graph changes', () => {
  const checkpoint = openCheckpoint(fixturePath('tiny-qwen2'));
  const digest = createHash('sha256');
  for (const operators of [OPERATORS.fp32, OPERATORS.bf16]) {
    for (const weights of ['mapped', 'resident'] as const) {
      const graph = { operators, weights, sliceBytes: SLICE_BYTES[weights] };
      digest.update(buildBody(checkpoint, graph, new Set())).update(buildHead(checkpoint, graph));
    }
  }
  expect({ revision: REFERENCE_REVISION, sha256: digest.digest('hex') }).toEqual(GRAPHS_OF_REVISION);
});
