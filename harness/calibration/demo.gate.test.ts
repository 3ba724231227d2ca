// The original demo on both tiny checkpoints, named as its tests: greedy text on the N150 model, batches that share nothing.
import { describe, expect, it } from 'vitest';
import type { LogitsRow, LogitsSource } from '../../src/device/logits-source.ts';
import { demoDevice, planDemo } from '../demo/plan-demo.ts';
import { type DemoBatch, type DemoRequest, runDemo } from '../demo/run-demo.ts';
import { KeepsItsCache, SabotagedRows } from '../faults/sabotaged-source.ts';
import { MAX_NEW_TOKENS_DEFAULT, MAX_SEQ_LEN_DEFAULT } from '../sources/plan.ts';
import { fixturePath } from './gate-run.ts';

interface DemoCase {
  readonly checkpoint: string;
  readonly request?: Partial<DemoRequest>;
  readonly wrapDevice?: (device: LogitsSource) => LogitsSource;
}

/** As `qwen-pcc demo` runs it. */
async function runCase({ checkpoint, request, wrapDevice = (source) => source }: DemoCase) {
  const plan = planDemo({
    folder: fixturePath(checkpoint),
    defaultPrompts: {
      general: fixturePath('prompts/input_data_prefill_128.json'),
      instruct: fixturePath('prompts/input_data_questions_prefill_128.json'),
    },
    maxSeqLen: MAX_SEQ_LEN_DEFAULT,
    device: demoDevice('n150', process.env),
    resources: {},
  });
  const source = await plan.openDevice();
  try {
    const batches = await runDemo(wrapDevice(source), {
      promptIds: plan.promptIds,
      eosTokenIds: plan.eosTokenIds,
      batches: 1,
      maxIterations: MAX_NEW_TOKENS_DEFAULT,
      maxSeqLen: MAX_SEQ_LEN_DEFAULT,
      isFastPrefill: false,
      ...request,
    });
    return { plan, batches, settings: source.info.settings };
  } finally {
    await source.close();
  }
}

const withoutTimes = ({ tokenIds, stop }: DemoBatch) => ({ tokenIds, stop });

describe('demo on the N150 device model', () => {
  it.each([
    { name: 'general_weights-1_batch', checkpoint: 'tiny-qwen2', batches: 1 },
    { name: 'general_weights-2_batch', checkpoint: 'tiny-qwen2', batches: 2 },
    { name: 'general_weights-3_batch', checkpoint: 'tiny-qwen2', batches: 3 },
    { name: 'instruct_weights-1_batch', checkpoint: 'tiny-qwen2-instruct', batches: 1 },
    { name: 'instruct_weights-2_batch', checkpoint: 'tiny-qwen2-instruct', batches: 2 },
    { name: 'instruct_weights-3_batch', checkpoint: 'tiny-qwen2-instruct', batches: 3 },
  ])('$name', async ({ name, checkpoint, batches: count }) => {
    const { plan, batches, settings } = await runCase({ checkpoint, request: { batches: count } });
    expect(`${plan.family}_weights-${batches.length}_batch`).toBe(name);
    expect(settings['demoRotOffByOne']).toBe(true);
    const [first] = batches;
    for (const batch of batches) {
      expect(withoutTimes(batch)).toEqual(withoutTimes(first!));
      expect(batch.prefillMs).toBeGreaterThan(0);
      expect(batch.tokenIds.length).toBe(batch.iterationMs.length + (batch.stop === 'eos' ? 0 : 1));
    }
    if (plan.family === 'instruct') {
      expect(first).toMatchObject({ stop: 'eos' });
      expect(plan.decode(first!.tokenIds)).toBe('The month after March is April.');
    } else {
      expect(first).toMatchObject({ stop: 'max-new-tokens' });
      expect(plan.decode(first!.tokenIds)).toMatch(/^ be enacted by the/);
    }
  });

  it('gives the same logits by fast prefill', async () => {
    const rows = async (isFastPrefill: boolean): Promise<Float32Array[]> => {
      const seen: Float32Array[] = [];
      const keep = (row: LogitsRow): LogitsRow => {
        seen.push(row.logits);
        return row;
      };
      await runCase({
        checkpoint: 'tiny-qwen2',
        request: { isFastPrefill, maxIterations: 8 },
        wrapDevice: (source) => new SabotagedRows(source, keep),
      });
      return seen;
    };
    const singly = await rows(false);
    expect(singly).toHaveLength(9);
    expect(await rows(true)).toEqual(singly);
  });

  it('is red when the KV cache is not cleared between batches', async () => {
    const request = { batches: 2, maxIterations: 16, isFastPrefill: true };
    const keeping = {
      checkpoint: 'tiny-qwen2',
      request,
      wrapDevice: (source: LogitsSource) => new KeepsItsCache(source),
    };
    await expect(runCase(keeping)).rejects.toMatchObject({ code: 'BATCHES_DIFFER' });
  });
});
