// A device that hangs ends the run as a device fault; the prompts and rows before it stay judged, and no verdict passes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { FeedRequest, RowSink } from '../../src/device/logits-source.ts';
import { EXIT_CODES } from '../../src/errors.ts';
import { StepTimeout } from '../sources/step-timeout.ts';
import { WrappedSource } from '../sources/wrapped-source.ts';
import { noisyToy, runToy, toyCase } from './toy-run.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-hung-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Stands still at the third row of the second prompt. */
class Hanging extends WrappedSource {
  #prompts = 0;

  override truncate(length: number): Promise<void> {
    this.#prompts++;
    return super.truncate(length);
  }

  override feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    return this.inner.feed(tokenIds, want, async (row) => {
      if (this.#prompts === 2 && row.position === 2) await new Promise(() => undefined);
      await onRow(row);
    });
  }
}

describe('a run with a device that hangs', () => {
  it('ends with exit code 3 and keeps what was judged', async () => {
    const hung = toyCase('a', { toy: () => new StepTimeout(new Hanging(noisyToy()), 100) as never });
    const { run, folder } = await runToy(scratch, [hung]);
    expect(run.exitCode).toBe(EXIT_CODES.deviceFault);
    expect(run.failure).toMatchObject({ code: 'STEP_TIMEOUT', exitCode: EXIT_CODES.deviceFault });
    expect(run.verdict.status).toBe('error');
    const [first, second, third] = run.cases[0]!.variants[0]!.prompts;
    expect([first!.tokensJudged, second!.tokensJudged, third!.tokensJudged]).toEqual([11, 2, 0]);
    expect(first!.outcome).toBe('pass');
    expect(folder).toContain(scratch);
  });
});
