// The accuracy gates of the general checkpoints: the N150 device model, named as the original demo's test.

import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../sources/package-root.ts';
import * as shipped from '../vitest/run-gate.ts';
import { expectGate } from './gate-run.ts';
import '../vitest/to-pass-gate.ts';

describe('N150 device model', () => {
  it('general_weights-1_batch', async () => {
    await expectGate('general_weights-1_batch', 'tiny-qwen2');
  });

  // As the original's tests, these gates judge the checkpoint that QWEN_DIR names, where it names one.
  const qwenDir = process.env['QWEN_DIR'];
  if (qwenDir) {
    it(`QWEN_DIR: ${path.basename(qwenDir)}`, async () => {
      expect(await shipped.runGate({ weights: qwenDir, out: packageFile('reports/gates') })).toPassGate();
    });
  }
});
