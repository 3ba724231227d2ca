// The reference's revision stands for its arithmetic: a graph that changes asks for the next one.
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/weights.ts';
import { fixturePath } from './golden-cases.fixture.ts';
import { buildProducts, productGroups } from './graph/product-graph.ts';
import { buildHead, buildStage, stageCount } from './graph/qwen2-graph.ts';
import { buildSteps } from './graph/step-graphs.ts';
import { MAPPED_SLICE_BYTES, OPERATORS, RESIDENT_SLICE_BYTES } from './open-runners.ts';
import { REFERENCE_REVISION } from './reference-options.ts';

/** Raise REFERENCE_REVISION with a change of the digest: else a golden cache hands out rows of the graphs of before. */
const GRAPHS_OF_REVISION = {
  revision: 5,
  sha256: 'ebfcf6a9db9160e150a7c947e33f220d879eb3432d3261b6559db2fdcd60f222',
};

it('is raised when a graph changes', () => {
  const checkpoint = openCheckpoint(fixturePath('tiny-qwen2'));
  const digest = createHash('sha256');
  for (const operators of [OPERATORS.fp32, OPERATORS.bf16]) {
    const groups = productGroups(checkpoint, 2, MAPPED_SLICE_BYTES);
    for (const thread of [0, 1]) digest.update(buildProducts(checkpoint, groups, thread, operators));
    const resident = { operators, sliceBytes: RESIDENT_SLICE_BYTES };
    for (let stage = 0; stage < stageCount(checkpoint); stage++) {
      digest.update(buildStage(stage, checkpoint, resident, new Set()));
    }
    digest.update(buildHead(checkpoint, resident));
    // Attention, and all steps of weights that are widened or decoded at each use.
    for (const step of Object.values(buildSteps(checkpoint.config, operators))) digest.update(step);
  }
  expect({ revision: REFERENCE_REVISION, sha256: digest.digest('hex') }).toEqual(GRAPHS_OF_REVISION);
});
