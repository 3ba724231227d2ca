// Faults in the numbers of rows: the right rows, with values lost, moved, scaled or drowned.
import type { Fault, Unfit } from './fault.ts';
import { normalOf, randomOf } from './random.ts';
import { bestIds, standardDeviation } from './row-arithmetic.ts';
import { ownRow, type RowPlace, type StoredRows, StoredSource } from './stored-rows.ts';

/** Changes one row in place. */
export type ValueChange = (logits: Float32Array, place: RowPlace, rows: StoredRows, random: () => number) => void;

type ValueFault = Omit<Fault, 'kind' | 'open'> & {
  readonly change: ValueChange;
  readonly unfit?: (rows: StoredRows) => string | undefined;
};

const NOTHING_LEFT = 'nothing of the model is left in the row';

const VALUE_FAULTS: readonly ValueFault[] = [
  {
    id: 'constant-row',
    name: 'every row constant',
    standsFor: 'a kernel that never ran: its buffer has one value',
    source: 'tt-metal #24928, #45299: comp_pcc said 1.0 until PR #42848',
    expect: 'caught',
    why: NOTHING_LEFT,
    change: (logits) => logits.fill(3),
  },
  {
    id: 'one-constant-row',
    name: 'one row a prompt constant',
    standsFor: 'one step whose result was read before it was written',
    source: 'tt-metal #45299',
    expect: 'caught',
    why: NOTHING_LEFT,
    change: (logits, place) => isMiddle(place) && logits.fill(0),
  },
  {
    id: 'all-infinite',
    name: 'all logits +Infinity',
    standsFor: 'an overflow in the last matmul',
    source: 'features 4.3: comp_pcc of 2024 says 1.0',
    expect: 'caught',
    why: NOTHING_LEFT,
    change: (logits) => logits.fill(Number.POSITIVE_INFINITY),
  },
  {
    id: 'infinite-best',
    name: '+Infinity at the best token',
    standsFor: 'one column that overflows',
    source: 'features 4.3: PCC 0.998 in every comp_pcc',
    expect: 'caught',
    why: 'softmax of the row does not exist',
    change: (logits) => {
      logits[bestIds(logits, 1)[0]!] = Number.POSITIVE_INFINITY;
    },
  },
  ...[1, 10, 30].map(
    (share): ValueFault => ({
      id: `nan-${share}`,
      name: `${share} % of the logits NaN, one shard`,
      standsFor: 'a shard of the lm_head that was never written',
      source: 'features 4.1: as zeros, 37 % NaN of zero-mean logits pass 0.79',
      expect: 'caught',
      why: 'not a number is no answer',
      change: (logits) => {
        const count = Math.ceil((share / 100) * logits.length);
        logits.fill(Number.NaN, Math.floor(logits.length / 2), Math.floor(logits.length / 2) + count);
      },
    }),
  ),
  {
    id: 'one-nan',
    name: 'one NaN in one row a prompt',
    standsFor: '0/0 in one lane',
    source: 'tt-xla #2823, #4578',
    expect: 'caught',
    why: 'a sampler that meets it returns nonsense',
    change: (logits, place) => {
      if (isMiddle(place)) logits[7 % logits.length] = Number.NaN;
    },
  },
  {
    id: 'one-sided-mask',
    name: '5 % of the logits -Infinity on the device only',
    standsFor: 'a vocabulary mask that one side forgot',
    source: 'features 4.3: comp_pcc passes it with 0.991',
    expect: 'caught',
    why: 'tokens that the model may say are forbidden',
    change: (logits) => logits.fill(Number.NEGATIVE_INFINITY, 0, Math.ceil(logits.length / 20)),
  },
  {
    id: 'filtered',
    name: 'all but the 50 best -Infinity',
    standsFor: 'scores after top-k in the place of logits',
    source: 'Transformers output_scores; our recordings',
    expect: 'caught',
    why: 'the rest of the row was never compared',
    change: (logits) => {
      const kept = new Set(bestIds(logits, 50));
      for (let id = 0; id < logits.length; id++) if (!kept.has(id)) logits[id] = Number.NEGATIVE_INFINITY;
    },
  },
  {
    id: 'uniform-logits',
    name: 'nearly uniform logits: a thousandth of each',
    standsFor: 'a model that loads, reports success and says nothing',
    source: 'kekzl/imp #1571: perplexity equal to the vocabulary size',
    expect: 'caught',
    why: 'every token is as likely as any other; PCC stays 1',
    change: (logits) => scale(logits, 0.001),
  },
  ...[0.5, 0.94, 1.5].map(
    (gain): ValueFault => ({
      id: `gain-${gain}`,
      name: `logits times ${gain}`,
      standsFor: 'a scale that was applied twice or not at all',
      source: 'features 4.2: PCC 1.000000',
      expect: 'caught',
      why: 'the temperature of sampling changes',
      change: (logits) => scale(logits, gain),
    }),
  ),
  {
    id: 'negated',
    name: 'logits negated',
    standsFor: 'a sign that was lost',
    source: 'features 4.3',
    expect: 'caught',
    why: 'the worst token becomes the best',
    change: (logits) => scale(logits, -1),
  },
  {
    id: 'offset-5',
    name: 'all logits plus 5',
    standsFor: 'a bias of the whole row',
    source: 'features 4.2',
    expect: 'harmless',
    why: 'softmax does not see it',
    change: (logits) => {
      for (let id = 0; id < logits.length; id++) logits[id]! += 5;
    },
  },
  {
    id: 'top-two-swapped',
    name: 'best and second best swapped in every row',
    standsFor: 'a sort or a gather that is off by one',
    source: 'features 4.2: PCC 1.000000',
    expect: 'caught',
    why: 'every greedy token is another one',
    change: swapTopTwo,
  },
  {
    id: 'top-two-swapped-rarely',
    name: 'best and second best swapped in one row of ten',
    standsFor: 'a race that is lost now and then',
    source: 'tt-metal #20040: one runner only',
    expect: 'open',
    why: 'honest devices choose otherwise at 7 % of positions',
    change: (logits, place) => place.position % 10 === 5 && swapTopTwo(logits),
  },
  {
    id: 'ten-best-zeroed',
    name: 'the ten best set to 0',
    standsFor: 'large values that saturate to nothing',
    source: 'features 4.2: PCC 0.9987',
    expect: 'caught',
    why: 'whatever the model would say is gone',
    change: (logits) => {
      for (const id of bestIds(logits, 10)) logits[id] = 0;
    },
  },
  {
    id: 'clipped',
    name: 'logits clipped at 80 % of the largest',
    standsFor: 'a format that saturates',
    source: 'LLK packer with relu max',
    expect: 'caught',
    why: 'the best tokens become one',
    change: (logits) => {
      const limit = 0.8 * logits[bestIds(logits, 1)[0]!]!;
      for (let id = 0; id < logits.length; id++) logits[id] = Math.min(logits[id]!, limit);
    },
  },
  {
    id: 'relu',
    name: 'negative logits set to 0',
    standsFor: 'an activation fused into the last matmul',
    source: 'LLK packer with relu',
    expect: 'caught',
    why: 'half of the distribution is another one',
    change: (logits) => {
      for (let id = 0; id < logits.length; id++) logits[id] = Math.max(0, logits[id]!);
    },
  },
  ...(
    [
      [0.1, 'open', 'PCC 0.995: near what coarse weights cost'],
      [0.25, 'caught', 'PCC 0.970: three times what an honest device shows'],
      [0.776, 'caught', 'PCC 0.79: the most that the original limit lets pass'],
    ] as const
  ).map(
    ([size, expect, why]): ValueFault => ({
      id: `noise-${size}`,
      name: `noise of ${size} sd of the row`,
      standsFor: 'arithmetic that is too coarse',
      source: 'features 4.1: PCC = 1/sqrt(1 + noise^2)',
      expect,
      why,
      change: (logits, _place, _rows, random) => {
        const sd = size * standardDeviation(logits);
        for (let id = 0; id < logits.length; id++) logits[id]! += sd * normalOf(random);
      },
    }),
  ),
  {
    id: 'outlier',
    name: 'one column 10,000',
    standsFor: 'a column of the lm_head that was read as another format',
    source: 'features 4.2: a shared outlier hides everything',
    expect: 'caught',
    why: 'one token is said for ever',
    change: (logits) => {
      logits[logits.length - 1] = 10_000;
    },
  },
];

/** In the form of every fault. */
export const ROW_VALUE_FAULTS: readonly Fault[] = VALUE_FAULTS.map(valueFault);

export function valueFault({ change, unfit, ...fault }: ValueFault): Fault {
  return {
    ...fault,
    kind: 'values',
    open: ({ golden, device, seed }): StoredSource | Unfit => {
      const reason = unfit?.(golden);
      if (reason !== undefined) return { unfit: reason };
      return new StoredSource(golden, device.info, (place) => {
        const logits = ownRow(place)?.slice();
        const { prompt, user } = place.sequence;
        if (logits !== undefined) change(logits, place, golden, randomOf(seed, fault.id, prompt, user, place.position));
        return logits;
      });
    },
  };
}

function isMiddle({ sequence, position }: RowPlace): boolean {
  const judged = [...sequence.rows.keys()];
  return position === judged[Math.floor(judged.length / 2)];
}

function scale(logits: Float32Array, gain: number): void {
  for (let id = 0; id < logits.length; id++) logits[id]! *= gain;
}

function swapTopTwo(logits: Float32Array): void {
  const [best, second] = bestIds(logits, 2);
  [logits[best!], logits[second!]] = [logits[second!]!, logits[best!]!];
}
