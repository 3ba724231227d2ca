// A checkpoint that becomes another one under a gate: invalid, whichever of its files it is, with the rows before it kept.
import { appendFileSync, cpSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { FeedRequest, RowSink } from '../../src/device/logits-source.ts';
import { packageFile } from '../sources/package-root.ts';
import { WrappedSource } from '../sources/wrapped-source.ts';
import { runGate } from './run-gate.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-changed-'));
afterAll(() => rmSync(scratch, { recursive: true }));

class AtFirstRow extends WrappedSource {
  readonly #act: () => void;
  #isDone = false;

  constructor(inner: ConstructorParameters<typeof WrappedSource>[0], act: () => void) {
    super(inner);
    this.#act = act;
  }

  override feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    if (!this.#isDone) this.#act();
    this.#isDone = true;
    return this.inner.feed(tokenIds, want, onRow);
  }
}

const prompts = path.join(scratch, 'prompts.json');
writeFileSync(prompts, JSON.stringify([{ name: 'short', ids: [40, 41, 42], continuation: [43] }]));

describe('a checkpoint that changes under a gate', () => {
  it.each([
    {
      what: 'its weights are written to',
      change: (folder: string) => appendFileSync(path.join(folder, 'model.safetensors'), 'x'),
    },
    {
      what: 'its weights are replaced in the same size',
      change: (folder: string) => utimesSync(path.join(folder, 'model.safetensors'), 1, 1),
    },
    {
      what: 'its config gets another line',
      change: (folder: string) => appendFileSync(path.join(folder, 'config.json'), '\n'),
    },
  ])('is invalid when $what', async ({ change }) => {
    const weights = mkdtempSync(path.join(scratch, 'weights-'));
    cpSync(packageFile('fixtures/tiny-qwen2'), weights, { recursive: true });
    const gate = await runGate({
      weights,
      prompts,
      out: path.join(scratch, 'runs'),
      wrapDevice: (device) => new AtFirstRow(device, () => change(weights)),
    });
    expect(gate.run).toMatchObject({
      exitCode: 4,
      verdict: { status: 'invalid' },
      failure: { code: 'CHECKPOINT_CHANGED' },
      coverage: { tokensJudged: gate.replay.highlights.judged },
    });
    expect(gate.replay.highlights.judged).toBe(4);
  });
});
