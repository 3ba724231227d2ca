// What a conclusion says beside the verdict: a device that gives the reference's own bits is suspect, though it passes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runToy, TOY_VOCABULARY, toyCase } from '../run/toy-run.fixture.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-conclude-'));
afterAll(() => rmSync(scratch, { recursive: true }));

it('rows that equal the reference’s to the bit pass with a warning that names the variant; one other logit is enough', async () => {
  const once = (): ToySource =>
    new ToySource(TOY_VOCABULARY, (row) => {
      if (row.position === 12) row.logits[5]! += 0.25;
      return row;
    });
  const devices = { copy: () => new ToySource(TOY_VOCABULARY), once };
  const { run } = await runToy(scratch, [toyCase('a', devices)]);
  expect(run.exitCode).toBe(0);
  expect(run.verdict.headline).toMatch(/WARNING: every logit of a, copy equals the reference's to the bit/);
  expect(run.verdict.headline).not.toMatch(/a, once/);
});
