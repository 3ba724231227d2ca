// A plan of toy sources, for tests of what runs and reports whole runs.
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import type { RunCase, RunPlan } from './run-validate.ts';

export const TOY_VOCABULARY = 64;

/** A device that errs a little at one vocabulary entry of each row. */
export function noisyToy(): ToySource {
  return new ToySource(TOY_VOCABULARY, (row) => {
    row.logits[row.position % TOY_VOCABULARY]! += 0.25;
    return row;
  });
}

/** Three prompts of 5, 6 and 7 tokens. */
export function toyCase(name: string, openDevice: () => ToySource = noisyToy): RunCase {
  return {
    name,
    prompts: ['first', 'second', 'third'].map((prompt, i) => ({
      name: prompt,
      promptIds: new Int32Array(5 + i).fill(7 + i),
    })),
    eosTokenIds: [],
    tokenizerSha256: '0',
    layers: 1,
    textOf: (id) => `t${id}`,
    decode: (ids) => [...ids].join(' '),
    openReference: async () => new ToySource(TOY_VOCABULARY),
    openDevice: async () => openDevice(),
  };
}

/** 6 new tokens after each prompt, the default gate. */
export function toyPlan(
  cases: readonly RunCase[] = [toyCase('a'), toyCase('b')],
  mode: RunPlan['mode'] = 'teacherForced',
): RunPlan {
  return {
    cases,
    mode,
    limits: { maxNewTokens: 6, maxSeqLen: 4096 },
    judge: {
      semantics: 'strict',
      pccMinimum: DEFAULT_PCC_MINIMUM,
      rules: defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM }),
    },
  };
}
