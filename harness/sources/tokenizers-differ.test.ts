// A device of its own weights: that its folder has another tokenizer is said, since the tokens are the reference's.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parseDeviceSpec, parseReferenceSpec } from './device-spec.ts';
import { openCases } from './open-cases.ts';
import { packageFile } from './package-root.ts';
import { planRun } from './plan-run.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-tokenizers-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** @param tokenizer - of the device's folder; undefined for none. */
async function notesWith(name: string, tokenizer: 'same' | 'other' | undefined): Promise<readonly string[]> {
  const deviceWeights = join(scratch, name);
  cpSync(packageFile('fixtures/tiny-qwen2'), deviceWeights, {
    recursive: true,
    filter: (file) => tokenizer !== undefined || !file.includes('tokenizer'),
  });
  // Whatever is in it: it is not read, only told apart.
  if (tokenizer === 'other') writeFileSync(join(deviceWeights, 'tokenizer.json'), '{}');
  const file = join(scratch, 'prompts.json');
  writeFileSync(file, JSON.stringify([{ name: 'ids', ids: [3, 4, 5], continuation: [6] }]));
  const { spec, paths } = await planRun({
    weights: [packageFile('fixtures/tiny-qwen2')],
    deviceWeights,
    prompts: file,
    defaultPrompts: { general: file, instruct: file },
    devices: [parseDeviceSpec('n150')],
    reference: parseReferenceSpec('onnx'),
    precision: 'fp32',
    mode: 'teacherForced',
    judge: { semantics: 'strict', pccMinimum: 0.79, rules: [] },
  });
  const [opened] = openCases(spec, { currentFolder: scratch, arguments: [], cases: paths });
  return opened!.variants[0]!.notes();
}

it('names tokenizers that differ, and says whose the tokens are', async () => {
  const notes = await notesWith('other', 'other');
  expect(notes).toContainEqual(
    expect.stringMatching(
      /^the tokenizers differ: tokens are the reference's \(tokenizer\.json sha256 [0-9a-f]{12}…, of the device 44136fa355b3…\)$/,
    ),
  );
});

it.each(['same', undefined] as const)('says nothing where the tokenizer of the device is: %s', async (tokenizer) => {
  expect((await notesWith(String(tokenizer), tokenizer)).filter((note) => note.includes('tokenizers'))).toEqual([]);
});
