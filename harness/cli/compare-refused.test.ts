// What `qwen-pcc compare` refuses before anything runs, and what it tells people to do instead.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { rewriteJson, rewriteWeights } from '../../src/checkpoint/checkpoint.fixture.ts';
import { storedAs, TINY } from './compare-variants.fixture.ts';
import { callCommand } from './in-process.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-compare-refused-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const OUT = path.join(scratch, 'reports');
const at = (name: string): string => path.join(scratch, name);

function copy(name: string): string {
  cpSync(TINY, at(name), { recursive: true });
  return at(name);
}

function withOtherTokenizer(): string {
  const folder = copy('other-tokenizer');
  const file = path.join(folder, 'tokenizer.json');
  const json = JSON.parse(readFileSync(file, 'utf8')) as { model: { vocab: Record<string, number> } };
  const { vocab } = json.model;
  const [first, second] = Object.keys(vocab).filter((text) => text.length === 1) as [string, string];
  [vocab[first], vocab[second]] = [vocab[second]!, vocab[first]!];
  writeFileSync(file, JSON.stringify(json));
  return folder;
}

function withFewerLayers(): string {
  const folder = copy('fewer-layers');
  rewriteJson(folder, 'config.json', (json) => ({ ...json, num_hidden_layers: 5 }));
  rewriteWeights(folder, (tensors) => tensors.filter(({ name }) => !name.includes('.layers.5.')));
  return folder;
}

const withOtherNorms = (): string =>
  storedAs(
    at('other-norms'),
    (name) => name.endsWith('norm.weight'),
    'F32',
    (all) => all.map((one) => 1.5 * one),
  );

const refusals: { what: string; args: () => string[]; code: string; says: RegExp; hint: RegExp }[] = [
  {
    what: 'another tokenizer',
    args: () => [TINY, withOtherTokenizer()],
    code: 'NOT_A_VARIANT',
    says: /tokenizer gives ids to other texts/,
    hint: /validate --device-weights/,
  },
  {
    what: 'other shapes',
    args: () => [TINY, withFewerLayers()],
    code: 'NOT_A_VARIANT',
    says: /its layers differs/,
    hint: /own base/,
  },
  {
    what: 'other norms',
    args: () => [TINY, withOtherNorms()],
    code: 'NOT_A_VARIANT',
    says: /none of its norms/,
    hint: /own base/,
  },
  {
    what: 'one checkpoint twice, however it is written',
    args: () => [TINY, copy('twice'), `${scratch}/./twice`],
    code: 'DEVICE_TWICE',
    says: /two entrants are the same: .*twice/,
    hint: /leave one of them out/,
  },
  {
    what: 'knobs twice',
    args: () => [TINY, 'kv-bf16', 'n150:kvFormat=BF16,threads=1'],
    code: 'DEVICE_TWICE',
    says: /n150:kvFormat=BF16\./,
    hint: /another knob; threads do not count/,
  },
  {
    what: "the base's own knobs",
    args: () => [TINY, '--recipes', 'bfp8'],
    code: 'DEVICE_TWICE',
    says: /what the base runs on/,
    hint: /leave one of them out/,
  },
  {
    what: 'nothing to compare with',
    args: () => [TINY],
    code: 'COMPARE_ARGUMENT',
    says: /a base alone/,
    hint: /compare BASE VARIANT/,
  },
  {
    what: 'nothing at all',
    args: () => [],
    code: 'COMPARE_ARGUMENT',
    says: /compare what with what/,
    hint: /compare --help/,
  },
  {
    what: '--weights-only without a base',
    args: () => ['--weights-only', '--resume'],
    code: 'COMPARE_ARGUMENT',
    says: /compare what with what/,
    hint: /compare --help/,
  },
  {
    what: 'a misspelt recipe',
    args: () => [TINY, 'bfp4-mpl'],
    code: 'COMPARE_ARGUMENT',
    says: /cannot be compared/,
    hint: /did you mean bfp4-mlp/,
  },
  {
    what: 'knobs without a device',
    args: () => [TINY, 'kv-bf16', '--device', 'none'],
    code: 'COMPARE_DEVICE',
    says: /--device none has none/,
    hint: /leave --device out/,
  },
  {
    what: 'a recording as the device of all',
    args: () => [TINY, 'kv-bf16', '--device', 'capture:rows.npy'],
    code: 'COMPARE_DEVICE',
    says: /runs no other checkpoint/,
    hint: /compare BASE capture:rows\.npy/,
  },
];

describe('compare refuses', () => {
  it.each(refusals)('$what', async ({ args, code, says, hint }) => {
    const { stderr, code: exitCode } = await callCommand(['compare', ...args(), '--out', OUT]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(code);
    expect(stderr).toMatch(says);
    expect(stderr.slice(stderr.indexOf('hint:'))).toMatch(hint);
    expect(readdirSync(scratch)).not.toContain('reports');
  });
});
