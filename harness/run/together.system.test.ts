// The tiny checkpoint on both sides: a run whose prompts share passes has the log of one that runs them one by one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import type { LocalPaths } from '../record/local-paths.ts';
import { parseDeviceSpec } from '../sources/device-spec.ts';
import { openCases } from '../sources/open-cases.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { planRun } from '../sources/plan-run.ts';
import { rowsOf } from './run-reading.fixture.ts';
import { resumeToy, runToy } from './toy-run.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-together-'));
afterAll(() => rmSync(scratch, { recursive: true }));

it('writes the same rows in the same order, interrupted and resumed too', async () => {
  const prompts = path.join(scratch, 'prompts.json');
  const entry = (name: string, length: number, continuation?: number[]): object => ({
    name,
    ids: Array.from({ length }, (_, i) => (7 * length + 31 * i) % 2000),
    ...(continuation === undefined ? {} : { continuation }),
  });
  writeFileSync(prompts, JSON.stringify([entry('a', 3), entry('b', 40), entry('c', 1), entry('d', 9, [5, 6, 7])]));
  const pccMinimum = DEFAULT_PCC_MINIMUM;
  const { spec, paths } = await planRun({
    weights: [fileURLToPath(new URL('../../fixtures/tiny-qwen2', import.meta.url))],
    prompts,
    defaultPrompts: { general: prompts, instruct: prompts },
    devices: ['n150', 'n150:kvFormat=BF16'].map((text) => parseDeviceSpec(text, {})),
    reference: { kind: 'onnx' },
    precision: 'fp32',
    mode: 'teacherForced',
    judge: { semantics: 'strict', pccMinimum, rules: defaultRules({ pccMinimum }) },
    maxNewTokens: 5,
  });
  const mapped = Object.fromEntries(
    Object.entries(paths).map(([name, one]) => [name, { ...one, referenceWeights: 'mapped' as const }]),
  );
  const local: LocalPaths = { currentFolder: scratch, arguments: [], threads: 2, cases: mapped };
  const cases = openCases(spec, local);
  const oneByOne = cases.map((one): OpenableCase => ({ ...one, promptsTogether: () => 1 }));
  const alone = await runToy(scratch, oneByOne, { spec });
  const together = await runToy(scratch, cases, { spec });
  expect(alone.run.coverage.tokensJudged).toBe(2 * (3 + 40 + 1 + 3 * 5 + 9 + 3));
  expect(rowsOf(together.folder).slice(1)).toEqual(rowsOf(alone.folder).slice(1));

  const controller = new AbortController();
  let judged = 0;
  const onToken = (): void => {
    if (++judged === 60) controller.abort();
  };
  const { folder } = await runToy(scratch, cases, { spec, signal: controller.signal, onToken });
  expect(rowsOf(folder).length).toBeLessThan(rowsOf(alone.folder).length);
  await resumeToy(folder, oneByOne);
  expect(rowsOf(folder).slice(1)).toEqual(rowsOf(alone.folder).slice(1));
});
