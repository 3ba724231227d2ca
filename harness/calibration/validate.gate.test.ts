// The accuracy gates: the N150 device model on both tiny checkpoints, named as the original demo's tests.

import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../sources/package-root.ts';
import * as shipped from '../vitest/run-gate.ts';
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

  // As the original's tests, these gates judge the checkpoint that QWEN_DIR names, where it names one.
  const qwenDir = process.env['QWEN_DIR'];
  if (qwenDir) {
    it(`QWEN_DIR: ${path.basename(qwenDir)}`, async () => {
      expect(await shipped.runGate({ weights: qwenDir, out: packageFile('reports/gates') })).toPassGate();
    });
  }
});
