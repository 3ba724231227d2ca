// A checkpoint folder without tokenizer.json: prompts given as ids run, text is refused.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { packageFile } from '../cli/package-root.ts';
import type { RunCase } from '../run/run-validate.ts';
import { parseDeviceSpec, parseReferenceSpec } from './device-spec.ts';
import { openCases } from './open-cases.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-ids-only-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const weights = join(scratch, 'weights');
cpSync(packageFile('fixtures/tiny-qwen2'), weights, {
  recursive: true,
  filter: (file) => !file.includes('tokenizer'),
});

function open(prompts: unknown): RunCase[] {
  const file = join(scratch, 'prompts.json');
  writeFileSync(file, JSON.stringify(prompts));
  return openCases({
    weights: [weights],
    prompts: file,
    defaultPrompts: { general: file, instruct: file },
    device: parseDeviceSpec('n150'),
    reference: parseReferenceSpec('onnx'),
    precision: 'fp32',
    limits: { maxNewTokens: 2, maxSeqLen: 32 },
  });
}

describe('a checkpoint without a tokenizer', () => {
  it('runs prompts of ids and shows tokens by their ids', () => {
    const [only] = open([{ name: 'ids', ids: [3, 4, 5], continuation: [6] }]);
    expect(only!.name).toBe('general_weights-1_batch');
    expect(only!.prompts).toEqual([
      { name: 'ids', promptIds: Int32Array.of(3, 4, 5), continuationIds: Int32Array.of(6) },
    ]);
    expect(only!.textOf(7)).toBe('<id 7>');
    expect(only!.decode(Int32Array.of(7, 8))).toBe('<id 7><id 8>');
    expect(only!.tokenizerSha256).toBe('none');
  });

  it('refuses prompts of text by name', () => {
    expect(() => open([{ name: 'words', text: 'Hello' }])).toThrow(InputError);
    expect(() => open([{ name: 'words', text: 'Hello' }])).toThrow(/"words" is text, .*no tokenizer\.json/);
  });
});
