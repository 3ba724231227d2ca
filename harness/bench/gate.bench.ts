// Benchmark of the gate at scale: a million synthetic tokens in few long and in many short prompts.
import { setImmediate } from 'node:timers/promises';
import { createGate } from '../gate/gate.ts';
import type { PlannedSequence } from '../gate/judged-sequences.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { type Benchmark, type BenchResult, timeInTurns } from './benchmark.ts';

const TOKENS = 1_000_000;
const ROUNDS = 3;
const MIB = 2 ** 20;

export const benchmark: Benchmark = {
  name: 'gate',
  description: `${TOKENS} tokens judged one by one, and the verdict on them`,
  async run() {
    const results: BenchResult[] = [];
    for (const prompts of [16, 20_000]) results.push(...(await measure(prompts)));
    return results;
  },
};

async function measure(prompts: number): Promise<BenchResult[]> {
  const plan = planOf(prompts);
  const before = await usedBytes();
  const start = performance.now();
  const gate = createGate(defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM }));
  let seed = 1;
  for (const sequence of plan) {
    for (let position = 0; position < sequence.tokens; position++) gate.add(recordOf(sequence, position, seed++));
  }
  const addMs = performance.now() - start;
  const heldBytes = (await usedBytes()) - before;
  const times = await timeInTurns(
    { conclude: () => gate.conclude(plan), summarize: () => gate.summarizeAll() },
    ROUNDS,
  );
  const of = (name: string): string => `${name}, ${prompts} prompts`;
  return [
    { name: of('add, making the records included'), unit: 's', samples: [addMs / 1000] },
    { name: of('held memory'), unit: 'MiB', samples: [heldBytes / MIB], target: { relation: 'at most', value: 300 } },
    {
      name: of('conclude'),
      unit: 's',
      samples: times.conclude.map((ms) => ms / 1000),
      target: { relation: 'at most', value: 20 },
    },
    { name: of('summary of all'), unit: 's', samples: times.summarize.map((ms) => ms / 1000) },
  ];
}

/** Live bytes where the engine was started with --expose-gc, else whatever is not yet collected too. */
async function usedBytes(): Promise<number> {
  // A turn of the event loop lets go of what the last measurement still holds on the stack.
  await setImmediate();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function planOf(prompts: number): PlannedSequence[] {
  return Array.from({ length: prompts }, (_, place) => {
    const tokens = Math.floor(((place + 1) * TOKENS) / prompts) - Math.floor((place * TOKENS) / prompts);
    return { case: 'synthetic', variant: 'n150', prompt: `prompt-${place}`, user: 0, tokens, end: tokens };
  });
}

/** A passing token whose numbers differ from token to token. */
function recordOf(
  { case: caseName, variant, prompt, user }: PlannedSequence,
  position: number,
  seed: number,
): TokenRecord {
  const x = ((Math.imul(seed, 2_654_435_761) >>> 8) % 65_536) / 65_536;
  const pair = (value: number) => ({ golden: value, actual: value });
  return {
    case: caseName,
    variant,
    prompt,
    user,
    position,
    phase: position < 10 ? 'prefill' : position === 10 ? 'firstDecode' : 'decode',
    step: position < 10 ? null : position - 10,
    text: 'x',
    inputToken: pair(seed),
    inputPosition: pair(position),
    contextHash: { golden: 'a', actual: 'a' },
    status: 'pass',
    failedRules: [],
    reason: null,
    pcc: 1 - 0.01 * x,
    pccUndefined: null,
    pccJudgement: { semantics: 'strict', outcome: 'pass', pcc: 1 - 0.01 * x },
    hygiene: {
      vocabSize: 152_064,
      nan: pair(0),
      positiveInfinity: pair(0),
      negativeInfinity: pair(0),
      maskedPairs: 0,
      zeros: pair(0),
      constantRow: { golden: false, actual: false },
      constantBlocks: [],
    },
    moments: {
      cosine: 1,
      gain: 1 - 0.01 * x,
      offset: 0.1 * x,
      residualSd: x,
      sd: pair(2),
      min: pair(-10),
      max: pair(10),
      maxAbs: x,
      maxAbsIndex: 0,
      meanAbs: x / 4,
      relL2: x,
      nmseDb: -40 * x,
    },
    distribution: {
      klNats: 0.01 * x,
      klReverseNats: 0.01 * x,
      logNormaliser: pair(12),
      textToken: { id: 1, probability: pair(0.5), logRatio: x - 0.5 },
    },
    choice: {
      top1: pair(1),
      flip: x < 0.01 ? 'real' : 'none',
      ulp: 0.25,
      marginUlps: 2,
      margin: pair(0.5),
      goldenRankOnActual: x < 0.05 ? 2 : 1,
      actualRankOnGolden: 1,
      overlap5: 5,
      overlap10: 10,
      top: [],
    },
    controls: { pccPreviousGolden: 0.7 * x, pccPreviousActual: 0.7 * x, pccUnrelatedGolden: 0.5 * x },
    evidence: null,
    timing: { goldenMs: 1, actualMs: 1, compareMs: 1 },
  };
}
