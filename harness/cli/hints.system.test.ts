// A hint follows from its cause, and following it literally leads on: for each error code, through the real command line.
import { describe, expect, it } from 'vitest';
import { ADAPTER_CASES } from './hints/adapters.fixture.ts';
import { BASELINE_CASES } from './hints/baseline.fixture.ts';
import { CHECKPOINT_CASES } from './hints/checkpoint.fixture.ts';
import { COMPARE_CASES } from './hints/compare.fixture.ts';
import { errorCodes } from './hints/error-codes.fixture.ts';
import { followHint, type HintCase, Room } from './hints/hint-case.fixture.ts';
import { HUB_CASES } from './hints/hub.fixture.ts';
import { NOT_EXECUTED } from './hints/not-executed.fixture.ts';
import { OPTION_CASES } from './hints/options.fixture.ts';
import { PROMPT_CASES } from './hints/prompts.fixture.ts';
import { QUANTISED_CASES } from './hints/quantised.fixture.ts';
import { ARRAY_CASES } from './hints/recorded-arrays.fixture.ts';
import { RECORDED_PLAN_CASES } from './hints/recorded-plans.fixture.ts';
import { RULES_FILE_CASES } from './hints/rules-file.fixture.ts';
import { RUN_CASES } from './hints/runs.fixture.ts';
import { SHARD_CASES } from './hints/shards.fixture.ts';
import { TOKENIZER_CASES } from './hints/tokenizers.fixture.ts';
import { TOKEN_AND_OUTPUT_CASES } from './hints/tokens-and-outputs.fixture.ts';
import { WEIGHT_FILE_CASES } from './hints/weight-files.fixture.ts';
import { WHY_CASES } from './hints/why.fixture.ts';

const ROOMS: readonly { readonly about: string; readonly cases: readonly HintCase[] }[] = [
  { about: 'options and variables', cases: OPTION_CASES },
  { about: 'downloads', cases: HUB_CASES },
  { about: 'checkpoint folders', cases: CHECKPOINT_CASES },
  { about: 'files of a checkpoint', cases: WEIGHT_FILE_CASES },
  { about: 'adapters', cases: ADAPTER_CASES },
  { about: 'quantised checkpoints', cases: QUANTISED_CASES },
  { about: 'prompts', cases: PROMPT_CASES },
  { about: 'tokenizers', cases: TOKENIZER_CASES },
  { about: 'recorded arrays', cases: ARRAY_CASES },
  { about: 'plans of recordings', cases: RECORDED_PLAN_CASES },
  { about: 'runs', cases: RUN_CASES },
  { about: 'comparisons', cases: COMPARE_CASES },
  { about: 'shards', cases: SHARD_CASES },
  { about: 'baselines', cases: BASELINE_CASES },
  { about: 'rules files', cases: RULES_FILE_CASES },
  { about: 'tokens and outputs', cases: TOKEN_AND_OUTPUT_CASES },
  { about: 'attribution', cases: WHY_CASES },
];

describe.each(ROOMS)('a hint about $about leads on', ({ cases }) => {
  it.each(cases.map((one) => ({ ...one, name: [one.code, one.what].filter(Boolean).join(', ') })))(
    '$name',
    async (one) => {
      const room = new Room();
      try {
        await followHint(one, room);
      } finally {
        await room.remove();
      }
    },
  );
});

describe('the tables', () => {
  const executed = new Set(ROOMS.flatMap(({ cases }) => cases.map(({ code }) => code)));
  const reasoned = NOT_EXECUTED.flatMap(({ codes }) => codes);
  const known = errorCodes();

  it('have every code that the sources throw', () => {
    expect([...known].filter(([code]) => !executed.has(code) && !reasoned.includes(code))).toEqual([]);
  });

  it('have no code that nothing throws, and none in both', () => {
    expect([...executed, ...reasoned].filter((code) => !known.has(code))).toEqual([]);
    expect(reasoned.filter((code, i) => executed.has(code) || reasoned.indexOf(code) !== i)).toEqual([]);
  });
});
