// The reference's revision stands for its arithmetic: a graph that changes asks for the next one.
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/weights.ts';
import { fixturePath } from './golden-cases.fixture.ts';
import { buildBody, buildHead } from './graph/qwen2-graph.ts';
import { buildSteps } from './graph/step-graphs.ts';
import { OPERATORS, SLICE_BYTES } from './open-runners.ts';
import { REFERENCE_REVISION } from './reference-options.ts';

/** Raise REFERENCE_REVISION with a change of the digest: else a golden cache hands out rows of the graphs of before. */
const GRAPHS_OF_REVISION = {
  revision: 1,
  sha256: 'e2b9d4c3f30c61b13a01e0269c19b5687d81dd217f1b0571dbf22f1f0c2b6563',
};

it('is raised when a graph changes', () => {
  const checkpoint = openCheckpoint(fixturePath('tiny-qwen2'));
  const digest = createHash('sha256');
  for (const operators of [OPERATORS.fp32, OPERATORS.bf16]) {
    for (const weights of ['mapped', 'resident'] as const) {
      const graph = { operators, weights, sliceBytes: SLICE_BYTES[weights] };
      digest.update(buildBody(checkpoint, graph, new Set())).update(buildHead(checkpoint, graph));
    }
    // Of weights that are decoded at each use.
    for (const step of Object.values(buildSteps(checkpoint.config, operators))) digest.update(step);
  }
  expect({ revision: REFERENCE_REVISION, sha256: digest.digest('hex') }).toEqual(GRAPHS_OF_REVISION);
});
