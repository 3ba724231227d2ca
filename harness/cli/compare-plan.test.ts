// What `qwen-pcc compare` makes of its arguments: checkpoints, devices, recipes, recordings, and the variants of the run in their order.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DEFAULT_N150_CONFIG } from '../../src/device/n150/recipes.ts';
import type { QwenPccError } from '../../src/errors.ts';
import { type CompareArgument, compareChoices, parseCompareArgument, recipeArgument } from './compare-plan.ts';
import { deviceRecipe, RECIPE_HELP, recipeList } from './device-recipes.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-compare-plan-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const at = (name: string): string => path.join(scratch, name);
mkdirSync(at('folder'));
mkdirSync(at('bf16'));
writeFileSync(at('model.gguf'), '');
writeFileSync(at('rows.npy'), '');

const parse = (text: string): CompareArgument => parseCompareArgument(text, {});
const thrown = (action: () => unknown): QwenPccError => {
  try {
    action();
  } catch (error) {
    return error as QwenPccError;
  }
  throw new Error('nothing was thrown');
};

describe('an argument', () => {
  it.each(['folder', 'model.gguf', 'folder+folder'])('%s is a checkpoint', (name) => {
    expect(parse(at(name))).toEqual({ kind: 'checkpoint', place: at(name) });
  });

  it('of knobs, of a recipe and of a recording is a device or a file', () => {
    expect(parse('n150:kvFormat=BF16')).toEqual({
      kind: 'device',
      config: { ...DEFAULT_N150_CONFIG, kvFormat: 'BF16' },
    });
    expect(parse('kv-bf16')).toEqual(parse('n150:kvFormat=BF16'));
    expect(parse('capture:rows.npy')).toEqual({ kind: 'capture', file: 'rows.npy' });
  });

  it('that is a folder of a recipe’s name is the folder; --recipes never is', () => {
    const before = process.cwd();
    try {
      process.chdir(scratch);
      expect(parse('bf16')).toEqual({ kind: 'checkpoint', place: 'bf16' });
      expect(recipeArgument('bf16', {})).toMatchObject({ kind: 'device', config: { weightFormat: 'BF16' } });
    } finally {
      process.chdir(before);
    }
  });

  it.each([
    { text: at('rows.npy'), found: 'a file that is no .gguf model', hint: /--help/ },
    { text: 'bfp4-mpl', found: 'no such file, device or recipe', hint: /did you mean bfp4-mlp\?/ },
  ])('$found is refused', ({ text, found, hint }) => {
    const error = thrown(() => parse(text));
    expect(error).toMatchObject({ code: 'COMPARE_ARGUMENT', facts: { found } });
    expect(error.hint).toMatch(hint);
  });
});

const N150 = { kind: 'n150', config: DEFAULT_N150_CONFIG } as const;

describe('the variants of a run', () => {
  const checkpoint = (place: string): CompareArgument => ({ kind: 'checkpoint', place });

  it('are the base’s device, then Q, T and D of each checkpoint, D against its own Q, then the rest as given', () => {
    const choices = compareChoices([parse('kv-bf16'), checkpoint('a'), checkpoint('b'), parse('capture:rows.npy')], {
      device: N150,
      precision: 'bf16',
    });
    expect(choices).toEqual([
      N150,
      { kind: 'n150', config: { ...DEFAULT_N150_CONFIG, kvFormat: 'BF16' } },
      { kind: 'onnx', precision: 'bf16', weights: 'a' },
      { ...N150, weights: 'a' },
      { ...N150, weights: 'a', golden: 2 },
      { kind: 'onnx', precision: 'bf16', weights: 'b' },
      { ...N150, weights: 'b' },
      { ...N150, weights: 'b', golden: 5 },
      { kind: 'capture', file: 'rows.npy' },
    ]);
  });

  it('without a device are references alone, and nothing else', () => {
    const none = { device: undefined, precision: 'fp32' } as const;
    expect(compareChoices([checkpoint('a')], none)).toEqual([{ kind: 'onnx', precision: 'fp32', weights: 'a' }]);
    expect(thrown(() => compareChoices([parse('kv-bf16')], none)).code).toBe('COMPARE_DEVICE');
  });

  it.each([
    { what: 'a folder, written in two ways', of: [checkpoint('a/b'), checkpoint('./a/../a/b')] },
    { what: 'knobs, one by its recipe’s name', of: [parse('kv-bf16'), parse('n150:threads=3,kvFormat=BF16')] },
    { what: 'a recording', of: [parse('capture:rows.npy'), parse('capture:./rows.npy')] },
    { what: 'the knobs of the base', of: [parse('bfp8')] },
  ])('are refused where $what stands twice', ({ of }) => {
    const error = thrown(() => compareChoices(of, { device: N150, precision: 'fp32' }));
    expect(error.code).toBe('DEVICE_TWICE');
    expect(error.hint).toMatch(/leave one of them out/);
  });
});

describe('a recipe', () => {
  it.each(Object.keys(RECIPE_HELP).filter((name) => name !== 'bfp8'))(
    '%s is another device than the default',
    (name) => {
      const { config } = recipeArgument(name, {}) as Extract<CompareArgument, { kind: 'device' }>;
      expect(config).not.toEqual(DEFAULT_N150_CONFIG);
    },
  );

  it('is found by its own name alone', () => {
    expect(deviceRecipe('bfp4-mlp')).toBe('n150:mlpFormat=BFP4_B');
    expect(deviceRecipe('toString')).toBeUndefined();
    expect(recipeList('bfp4, kv-bf16')).toEqual(['bfp4', 'kv-bf16']);
    expect(thrown(() => recipeList('bfp4,nf4'))).toMatchObject({ code: 'OPTION_VALUE' });
    expect(RECIPE_HELP['kv-bf16']).toMatch(/\(kvFormat=BF16\)$/);
  });
});
