// Facts about plans: names as the original demo's, and prompts that cannot run are refused by name.
import { describe, expect, it } from 'vitest';
import type { PromptSpec } from '../record/run-spec.ts';
import { caseNames, MAX_SEQ_LEN_DEFAULT, requireRunnable, weightsFamily } from './plan.ts';

const checkpoint = {
  model: 'tiny',
  file: 'prompts.json',
  vocabSize: 100,
  longest: { positions: 131_072, because: 'max_position_embeddings' },
};
const limits = { maxNewTokens: 5, maxSeqLen: 16 };
const prompt = (name: string, length: number): PromptSpec => ({
  name,
  user: 0,
  promptIds: new Array<number>(length).fill(7),
  continuationIds: null,
  positions: null,
});

describe('weightsFamily', () => {
  it.each([
    { model: 'Qwen2-7B-Instruct', eos: [2], chatEnd: undefined, family: 'instruct' },
    { model: 'Qwen2-7B', eos: [151643], chatEnd: 151645, family: 'general' },
    { model: 'my-finetune', eos: [151645, 151643], chatEnd: 151645, family: 'instruct' },
    { model: 'my-finetune', eos: [0], chatEnd: undefined, family: 'general' },
  ])('takes $model that ends at $eos for $family', ({ model, eos, chatEnd, family }) => {
    expect(weightsFamily(model, eos, chatEnd)).toBe(family);
  });
});

describe('caseNames', () => {
  it('names a case after the original test and a second one of its family after its folder too', () => {
    expect(
      caseNames([
        { family: 'general', model: 'a' },
        { family: 'instruct', model: 'b' },
        { family: 'general', model: 'c' },
        { family: 'general', model: 'c' },
      ]),
    ).toEqual([
      'general_weights-1_batch',
      'instruct_weights-1_batch',
      'general_weights-1_batch-c',
      'general_weights-1_batch-c-2',
    ]);
  });
});

describe('requireRunnable', () => {
  it('accepts a prompt that fills the sequence', () => {
    expect(() => requireRunnable([prompt('full', 16)], checkpoint, limits)).not.toThrow();
  });

  it.each([
    { name: 'no prompt', prompts: [], code: 'PLAN_EMPTY' },
    { name: 'an empty prompt', prompts: [prompt('nothing', 0)], code: 'PROMPT_EMPTY' },
    { name: 'a prompt one token too long', prompts: [prompt('long', 17)], code: 'PROMPT_TOO_LONG' },
    {
      name: 'a continuation one token too long',
      prompts: [{ ...prompt('long', 9), continuationIds: new Array<number>(8).fill(7) }],
      code: 'CONTINUATION_TOO_LONG',
    },
    {
      name: 'an id that is no whole number',
      prompts: [{ ...prompt('x', 1), promptIds: [1.5] }],
      code: 'TOKENIZER_MISMATCH',
    },
    { name: 'two prompts of one name', prompts: [prompt('a', 1), prompt('a', 2)], code: 'PROMPT_NAME_TWICE' },
    { name: 'an unknown token', prompts: [{ ...prompt('x', 1), promptIds: [100] }], code: 'TOKENIZER_MISMATCH' },
    {
      name: 'an unknown token in the continuation',
      prompts: [{ ...prompt('x', 1), continuationIds: [-1] }],
      code: 'TOKENIZER_MISMATCH',
    },
  ])('refuses $name', ({ prompts, code }) => {
    expect(() => requireRunnable(prompts, checkpoint, limits)).toThrow(
      expect.objectContaining({ code, exitCode: 2, message: expect.stringContaining('prompts.json: ') }),
    );
  });

  it('says which --max-seq-len takes a continuation whole', () => {
    const long = { ...prompt('long', 9), continuationIds: new Array<number>(8).fill(7) };
    expect(() => requireRunnable([long], checkpoint, limits)).toThrow(/9 \+ 8 = 17 tokens[\s\S]*--max-seq-len 17/);
    expect(() => requireRunnable([long], checkpoint, { ...limits, maxSeqLen: 17 })).not.toThrow();
  });

  it('tells users of one prompt apart', () => {
    expect(() => requireRunnable([prompt('a', 1), { ...prompt('a', 1), user: 1 }], checkpoint, limits)).not.toThrow();
  });

  it('refuses a sequence longer than the checkpoint allows', () => {
    const short = { ...checkpoint, longest: { positions: 15, because: 'max_position_embeddings' } };
    expect(() => requireRunnable([prompt('a', 1)], short, limits)).toThrow(
      expect.objectContaining({
        code: 'SEQ_LEN_TOO_LONG',
        exitCode: 2,
        facts: { found: 16, wanted: 'at most 15 (max_position_embeddings)' },
        hint: 'write --max-seq-len 15, or less.',
      }),
    );
    expect(() => requireRunnable([prompt('a', 1)], short, { ...limits, maxSeqLen: 15 })).not.toThrow();
  });
});

describe("the original's longest sequence", () => {
  const byDefault = { maxNewTokens: 0, maxSeqLen: MAX_SEQ_LEN_DEFAULT };

  it('is 4096 positions', () => {
    expect(() => requireRunnable([prompt('full', 4096)], checkpoint, byDefault)).not.toThrow();
    const refused = (): void => requireRunnable([prompt('long', 4097)], checkpoint, byDefault);
    expect(refused).toThrow(expect.objectContaining({ code: 'PROMPT_TOO_LONG', exitCode: 2 }));
    expect(refused).toThrow(
      /4097 tokens\n.*at most 4096 tokens\n.*write --max-seq-len 4097, or shorten it \(tiny allows up to 131072\)/,
    );
  });

  it('is lifted by maxSeqLen up to what the checkpoint allows', () => {
    const lifted = { ...byDefault, maxSeqLen: 131_072 };
    expect(() => requireRunnable([prompt('long', 4097)], checkpoint, lifted)).not.toThrow();
    expect(() => requireRunnable([prompt('long', 4097)], checkpoint, { ...lifted, maxSeqLen: 131_073 })).toThrow(
      /found +131073\n +wanted +at most 131072/,
    );
  });
});
