// Benchmark of the metrics: everything that is computed for one token at Qwen2-7B's vocabulary.
import { DEFAULT_PCC_MINIMUM } from '../gate/thresholds.ts';
import { RowComparer } from '../metrics/row-comparer.ts';
import { type Benchmark, timeInTurns } from './benchmark.ts';
import { uniformValues } from './random-values.ts';

const VOCAB_SIZE = 152_064;
const ROUNDS = 101;
/** Two distributions that disagree a little, as bfp8 logits do. */
const LOGITS_SCALE = 12;
const NOISE_SCALE = 0.1;

export const benchmark: Benchmark = {
  name: 'metrics',
  description: `all metrics of one token, V = ${VOCAB_SIZE}`,
  async run() {
    const comparer = new RowComparer({
      vocabSize: VOCAB_SIZE,
      logitsFormat: 'BFP8_B',
      tieUlps: 1,
      semantics: 'strict',
      pccMinimum: DEFAULT_PCC_MINIMUM,
    });
    const golden = [5, 6].map((seed) => uniformValues(VOCAB_SIZE, seed).map((value) => value * LOGITS_SCALE));
    const noise = uniformValues(VOCAB_SIZE, 7);
    const actual = golden.map((row) => row.map((value, id) => value + noise[id]! * NOISE_SCALE));
    let turn = 0;
    const times = await timeInTurns(
      {
        token: () => {
          // Rows alternate, so that the control against the row before is another row's.
          turn = 1 - turn;
          comparer.compareRow(golden[turn]!, actual[turn]!, { nextTokenId: 1234 });
        },
      },
      ROUNDS,
    );
    return [{ name: 'one token', unit: 'ms', samples: times.token, target: { relation: 'at most', value: 4 } }];
  },
};
