// A checkpoint folder without tokenizer.json: prompts given as ids run, text is refused.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { parseDeviceSpec, parseReferenceSpec } from './device-spec.ts';
import { openCases } from './open-cases.ts';
import type { OpenableCase } from './openable-case.ts';
import { packageFile } from './package-root.ts';
import { planRun } from './plan-run.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-ids-only-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const weights = join(scratch, 'weights');
cpSync(packageFile('fixtures/tiny-qwen2'), weights, {
  recursive: true,
  filter: (file) => !file.includes('tokenizer'),
});

async function open(prompts: unknown): Promise<OpenableCase> {
  const file = join(scratch, 'prompts.json');
  writeFileSync(file, JSON.stringify(prompts));
  const { spec, paths } = await planRun({
    weights: [weights],
    prompts: file,
    defaultPrompts: { general: file, instruct: file },
    devices: [parseDeviceSpec('n150')],
    reference: parseReferenceSpec('onnx'),
    precision: 'fp32',
    mode: 'teacherForced',
    judge: { semantics: 'strict', pccMinimum: 0.79, rules: [] },
  });
  return openCases(spec, { currentFolder: scratch, arguments: [], cases: paths })[0]!;
}

describe('a checkpoint without a tokenizer', () => {
  it('runs prompts of ids and shows tokens by their ids', async () => {
    const { spec, texts } = await open([{ name: 'ids', ids: [3, 4, 5], continuation: [6] }]);
    expect(spec.name).toBe('general_weights-1_batch');
    expect(spec.prompts).toEqual([
      { name: 'ids', user: 0, promptIds: [3, 4, 5], continuationIds: [6], positions: null },
    ]);
    expect(texts.textOf(7)).toBe('<id 7>');
    expect(texts.decode(Int32Array.of(7, 8))).toBe('<id 7><id 8>');
    expect(spec.tokenizerSha256).toBe('none');
  });

  it('refuses prompts of text by name', async () => {
    const refused = open([{ name: 'words', text: 'Hello' }]);
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow(/"words" is text, .*no tokenizer\.json/);
  });
});
