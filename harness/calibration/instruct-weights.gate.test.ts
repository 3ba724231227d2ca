// The accuracy gate of the instruct checkpoint: the N150 device model, named as the original demo's test. A file of its own, so that
// `vitest --shard` can give it to another machine than the general one.
import { describe, it } from 'vitest';
import { expectGate } from './gate-run.ts';

describe('N150 device model', () => {
  it('instruct_weights-1_batch', async () => {
    await expectGate('instruct_weights-1_batch', 'tiny-qwen2-instruct');
  });
});
