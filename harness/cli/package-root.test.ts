// Which checkpoint a recording is judged by when none is given.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { packageFile, recordedCheckpoint } from '../sources/package-root.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-root-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('recordedCheckpoint', () => {
  it('never takes a packaged checkpoint for a recording that does not name one', () => {
    const foreign = packageFile('fixtures/recordings/one-prompt.npz');
    expect(() => recordedCheckpoint(foreign)).toThrow(
      expect.objectContaining({ code: 'RECORDING_WEIGHTS', exitCode: 2, hint: expect.stringContaining('--weights') }),
    );
  });

  it('takes the packaged one that the recording names', () => {
    const recorded = path.join(scratch, 'recorded.safetensors');
    const tensors = [
      { name: 'input_ids', dtype: 'I32', shape: [1], data: Int32Array.of(1) },
      { name: 'logits', dtype: 'F32', shape: [1, 2], data: Float32Array.of(1, 2) },
    ] as const;
    writeSafetensors(recorded, tensors, { model: 'tiny-qwen2-instruct' });
    expect(path.basename(recordedCheckpoint(recorded))).toBe('tiny-qwen2-instruct');
    writeSafetensors(recorded, tensors, { model: 'Qwen2-\u001b[31m7B' });
    expect(() => recordedCheckpoint(recorded)).toThrow(/was recorded from "Qwen2-7B"/);
  });
});
