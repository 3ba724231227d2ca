// Two runs that are no answers to one question are refused, with what differs and both values.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { toyCase } from '../../run/toy-run.fixture.ts';
import { ToySource } from '../../sequence/toy-source.fixture.ts';
import type { OpenableCase } from '../../sources/openable-case.ts';
import { compareRuns } from './compare-runs.ts';
import { changedCase, plantedCase, plantedDiff, plantedRun } from './planted-runs.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-refused-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A case whose reference says something else of itself, or gives other rows. */
function withReference(change: object, isReversed = false): OpenableCase {
  const source = (): ToySource => {
    const made = new ToySource(64, (row) => {
      if (isReversed) row.logits.reverse();
      return row;
    });
    return Object.assign(made, { info: { ...made.info, ...change } });
  };
  return { ...plantedCase({}), openReference: async () => source() };
}

describe('inputs that differ are refused', () => {
  it.each<{ what: string; b: () => OpenableCase; says: RegExp; a: string; found: string }>([
    {
      what: 'other weights of the reference',
      b: () => withReference({ weightsSha256: '1' }),
      says: /differ in the weights of the reference of a\./,
      a: 'sha256 0',
      found: 'sha256 1',
    },
    {
      what: 'another config of the reference',
      b: () => withReference({ configSha256: 'c' }),
      says: /the config of the reference of a\./,
      a: 'sha256 none',
      found: 'sha256 c',
    },
    {
      what: 'another kind of reference',
      b: () => withReference({ kind: 'golden-file' }),
      says: /the kind of reference of a\./,
      a: 'process',
      found: 'golden-file',
    },
    {
      what: 'another precision of the reference, as it was planned',
      b: () => changedCase((spec) => ({ ...spec, reference: { kind: 'onnx', precision: 'bf16' } })),
      says: /the reference of a\./,
      a: 'computed, fp32',
      found: 'computed, bf16',
    },
    {
      what: 'another format of the reference',
      b: () => withReference({ logitsFormat: 'BF16' }),
      says: /the precision of the reference of a\./,
      a: 'logits F32',
      found: 'logits BF16',
    },
    {
      what: 'other tokens of a prompt',
      b: () =>
        changedCase((spec) => ({
          ...spec,
          prompts: spec.prompts.map((one) => ({ ...one, promptIds: [7, 7, 3, 7, 7] })),
        })),
      says: /the tokens of a › first, first at position 2\./,
      a: 'token 7, of 5',
      found: 'token 3, of 5',
    },
    {
      what: 'a longer prompt',
      b: () =>
        changedCase((spec) => ({
          ...spec,
          prompts: spec.prompts.map((one) => ({ ...one, promptIds: [...one.promptIds, 1] })),
        })),
      says: /first at position 5\./,
      a: 'ends after 5 tokens',
      found: 'token 1, of 6',
    },
    {
      what: 'other greedy tokens after a prompt',
      b: () => withReference({}, true),
      says: /the token of a › first, position 5\./,
      a: 'token 57',
      found: 'token 6',
    },
    {
      what: 'other prompts',
      b: () =>
        changedCase((spec) => ({ ...spec, prompts: spec.prompts.map((one) => ({ ...one, name: `${one.name} 2` })) })),
      says: /prompts and variants, of which they have none in common/,
      a: 'a › toy › first, a › toy › second, a › toy › third',
      found: 'a › toy › first 2, a › toy › second 2, a › toy › third 2',
    },
  ])('$what', async ({ b, says, a, found }) => {
    await expect(plantedDiff(scratch, plantedCase({}), b())).rejects.toThrow(
      expect.objectContaining({
        code: 'RUNS_DIFFER',
        exitCode: 2,
        message: expect.stringMatching(says),
        facts: { 'run A': a, 'run B': expect.stringContaining(found) },
      }),
    );
  });

  it('another decoding mode', async () => {
    const a = await plantedRun(scratch, plantedCase({}));
    const b = await plantedRun(scratch, plantedCase({}), { mode: 'freeRunning' });
    expect(() => compareRuns({ a, b })).toThrow(
      expect.objectContaining({ code: 'RUNS_DIFFER', facts: { 'run A': 'teacherForced', 'run B': 'freeRunning' } }),
    );
  });

  it('another vocabulary', async () => {
    const half = (): ToySource => new ToySource(32);
    const small = toyCase('a', { toy: half });
    await expect(
      plantedDiff(scratch, plantedCase({}), { ...small, openReference: async () => half() }),
    ).rejects.toThrow(
      expect.objectContaining({ code: 'RUNS_DIFFER', facts: { 'run A': '64 entries', 'run B': '32 entries' } }),
    );
  });
});
