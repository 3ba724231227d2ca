// The accuracy gates: the N150 device model on both tiny checkpoints, named as the original demo's tests.
import { describe, expect, it } from 'vitest';
import { runGate } from './gate-run.ts';
import '../vitest/to-pass-gate.ts';

describe('N150 device model', () => {
  it.each([
    ['general_weights-1_batch', 'tiny-qwen2'],
    ['instruct_weights-1_batch', 'tiny-qwen2-instruct'],
  ])('%s', async (name, checkpoint) => {
    const gate = await runGate({ checkpoint });
    expect(gate.run.cases.map((one) => one.name)).toEqual([name]);
    expect(gate.run.coverage.promptsJudged).toBeGreaterThanOrEqual(8);
    expect(gate).toPassGate();
  });
});
