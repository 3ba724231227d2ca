// The longest sequence of a plan that names none: the original's 4096, or the checkpoint's (YaRN's stretched one) where that is less.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parseDeviceSpec } from './device-spec.ts';
import { packageFile } from './package-root.ts';
import { planRun } from './plan-run.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-length-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const prompts = path.join(scratch, 'ids.json');
writeFileSync(prompts, JSON.stringify([{ name: 'ids', ids: [3, 4, 5] }]));

it.each([
  ['golden-hf/quirk-rope-twice', 256],
  ['tiny-qwen2', 4096],
])('of %s is %i', async (folder, longest) => {
  const { spec } = await planRun({
    weights: [packageFile(`fixtures/${folder}`)],
    prompts,
    defaultPrompts: { general: prompts, instruct: prompts },
    devices: [parseDeviceSpec('n150')],
    reference: { kind: 'onnx' },
    precision: 'fp32',
    mode: 'teacherForced',
    judge: { semantics: 'strict', pccMinimum: 0.79, rules: [] },
  });
  expect(spec.limits.maxSeqLen).toBe(longest);
});
