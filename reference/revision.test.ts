// The reference's revision stands for its arithmetic: a graph that changes asks for the next one.
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/weights.ts';
import { fixturePath } from './golden-cases.fixture.ts';
import { buildBody, buildHead, buildStage, stageCount } from './graph/qwen2-graph.ts';
import { buildSteps } from './graph/step-graphs.ts';
import { graphSettings, OPERATORS } from './open-runners.ts';
import { REFERENCE_REVISION } from './reference-options.ts';

/** Raise REFERENCE_REVISION with a change of the digest: else a golden cache hands out rows of the graphs of before. */
const GRAPHS_OF_REVISION = {
  revision: 2,
  sha256: '226222c1acd5ad8af8d9b7028af80c16503dde24929ae5a88887bb84244d55cf',
};

it('is raised when a graph changes', () => {
  const checkpoint = openCheckpoint(fixturePath('tiny-qwen2'));
  const digest = createHash('sha256');
  for (const operators of [OPERATORS.fp32, OPERATORS.bf16]) {
    const mapped = graphSettings(operators, 'mapped', 2);
    digest.update(buildBody(checkpoint, mapped, new Set())).update(buildHead(checkpoint, mapped));
    const resident = graphSettings(operators, 'resident', 2);
    for (let stage = 0; stage < stageCount(checkpoint); stage++) {
      digest.update(buildStage(stage, checkpoint, resident, new Set()));
    }
    digest.update(buildHead(checkpoint, resident));
    // Attention, and all steps of weights that are decoded at each use.
    for (const step of Object.values(buildSteps(checkpoint.config, operators))) digest.update(step);
  }
  expect({ revision: REFERENCE_REVISION, sha256: digest.digest('hex') }).toEqual(GRAPHS_OF_REVISION);
});
