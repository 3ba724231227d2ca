// What a run says that its sides took: rows that several variants share were made once.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { noisyToy, runToy, toyCase, toyCaseOf } from './toy-run.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-usage-'));
afterAll(() => rmSync(scratch, { recursive: true }));

it('counts the rows of a source once, whatever stands on it: Q, D and T of one case', async () => {
  const device = (recording: string) => ({ kind: 'capture', recording, logitsFormat: null }) as const;
  const { spec } = toyCase('toy');
  const variants = [
    { name: 'Q', model: 'toy', device: device('model') },
    { name: 'D', model: 'toy', device: device('chip'), golden: 'Q' },
    { name: 'T', model: 'toy', device: device('chip') },
  ];
  const one = toyCaseOf({ ...spec, variants }, { model: noisyToy, chip: noisyToy });
  const took = { Q: { golden: 0, actual: 0 }, D: { golden: 0, actual: 0 }, T: { golden: 0, actual: 0 } };
  const { run } = await runToy(scratch, [one], {
    onToken: ({ variant, timing }) => {
      took[variant as keyof typeof took].golden += timing.goldenMs;
      took[variant as keyof typeof took].actual += timing.actualMs;
    },
  });
  expect(took.T.golden).toBeGreaterThan(0);
  expect(run.usage!.goldenMs).toBeCloseTo(took.Q.golden, 6);
  expect(run.usage!.actualMs).toBeCloseTo(took.Q.actual + took.D.actual, 6);
});
