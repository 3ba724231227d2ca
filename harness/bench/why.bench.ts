// Benchmark of attribution: planted defects found, healthy tokens left in peace, and what a whole attribution takes.
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/weights.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { randomOf } from '../faults/random.ts';
import type { OpError } from '../record/why-record.ts';
import type { Lab } from '../sources/open-lab.ts';
import { tinyCheckpoints } from '../sources/package-root.ts';
import { type Attribution, attribute } from '../why/attribute.ts';
import type { Benchmark, BenchResult } from './benchmark.ts';
import { outlierRecipes, withOutliers } from './why/outlier-channels.ts';
import { DEFECTS, type Defect } from './why/planted-defects.ts';
import { recordedDefects } from './why/recorded-defects.ts';
import { POSITIONS, place, planted, randomTokens, SEED, withLab, withReference } from './why/why-sides.ts';

const HEALTHY_TOKENS = 50;
/**
 * Errors add in squares: below it a defect's own error is less than the rounding of a healthy operation at that token, so that no one could
 * tell it there. Such a defect is counted by itself when it is missed; one that is found is found.
 */
const VISIBLE_RATIO = Math.SQRT2;

export const benchmark: Benchmark = {
  name: 'why',
  description: `${DEFECTS.length} planted defects (seed ${SEED}), ${HEALTHY_TOKENS} healthy tokens, the tiny checkpoints`,
  isLong: true,
  async run() {
    return [
      ...(await defects()),
      ...(await recordedDefects()),
      await healthyTokens(),
      await outliers(),
      await seconds(),
    ];
  },
};

async function defects(): Promise<BenchResult[]> {
  const checkpoint = openCheckpoint(tinyCheckpoints()[0]!);
  const outcomes = await withReference(checkpoint, async (reference) => {
    const all: Outcome[] = [];
    for (const defect of DEFECTS) all.push(await outcomeOf(defect, checkpoint, reference));
    return all;
  });
  const count = (outcome: Outcome): number => outcomes.filter((one) => one === outcome).length;
  const visible = DEFECTS.length - count('not visible');
  return [
    {
      name: 'defects with the right layer and operation first',
      unit: `of ${visible}`,
      samples: [count('found')],
      target: { relation: 'at least', value: visible },
    },
    {
      name: "defects below the operation's own rounding",
      unit: `of ${DEFECTS.length}`,
      samples: [count('not visible')],
    },
  ];
}

type Outcome = 'found' | 'MISSED' | 'not visible';

async function outcomeOf(defect: Defect, checkpoint: Checkpoint, reference: LogitsSource): Promise<Outcome> {
  const { device, faults, wanted, tokenIds } = planted(defect, checkpoint);
  const {
    ops,
    firstBlamed,
    device: row,
  } = await withLab(device, checkpoint, '', (lab) =>
    attribute({ reference, lab, faults, tokenIds, promptLength: POSITIONS, prompt: defect.id, user: 0, opsOnly: true }),
  );
  const first = firstBlamed === null ? undefined : ops[firstBlamed]!;
  const isRight = first?.layer === wanted && first.op === defect.op;
  const blamed = ops.filter(({ isBlamed }) => isBlamed);
  const ofPlanted = ops.filter((one) => one.layer === wanted && one.op === defect.op);
  const effect = Math.max(...ofPlanted.map(errorRatio));
  const outcome = isRight ? 'found' : first === undefined && effect < VISIBLE_RATIO ? 'not visible' : 'MISSED';
  console.log(
    `  ${outcome.padEnd(11)}  ${times(effect)}  ${place(wanted, defect.op).padEnd(20)}  ${defect.id.padEnd(52)}  PCC ${row.pcc?.toFixed(4)}  ` +
      `first blamed: ${first === undefined ? 'none' : `${place(first.layer, first.op)}, ${first.ratio.toPrecision(2)} of its limit`}; ${blamed.length} taps`,
  );
  return outcome;
}

/** An operation's error against a healthy one's at the same token. */
function errorRatio({ isolated, isolatedBlock, healthy, healthyBlock }: OpError): number {
  const ratio = (own: number, usual: number): number => (own === usual ? 1 : own / usual);
  return Math.max(ratio(isolated, healthy), ratio(isolatedBlock, healthyBlock));
}

function times(ratio: number): string {
  return `error ${Number.isFinite(ratio) ? ratio.toPrecision(3) : 'any'} times a healthy one's`.padEnd(35);
}

/** The device computes in the exact tier, the healthy one that it is held against in the fast one: two draws of one noise. */
async function healthyTokens(): Promise<BenchResult> {
  let blamedTokens = 0;
  let tokens = 0;
  let nearest = 0;
  const cases = tinyCheckpoints().flatMap((folder) => ['demo-2024', 'ttnn-0.81'].map((recipe) => ({ folder, recipe })));
  for (const { folder, recipe } of cases) {
    const checkpoint = openCheckpoint(folder);
    await withReference(checkpoint, (reference) =>
      withLab(checkpoint, checkpoint, `recipe=${recipe},tier=exact`, async (lab) => {
        const other: Lab = { ...lab, healthyConfig: { ...lab.healthyConfig, tier: 'fast' }, isHealthy: false };
        for (
          ;
          tokens <
          ((cases.findIndex((one) => one.folder === folder && one.recipe === recipe) + 1) * HEALTHY_TOKENS) /
            cases.length;
          tokens++
        ) {
          const name = `healthy ${tokens}`;
          const length = 17 + Math.floor(randomOf(SEED, name)() * 60);
          const tokenIds = randomTokens(checkpoint.config.vocabSize, length, name);
          const { ops } = await attribute({
            ...{ reference, lab: other, tokenIds, promptLength: length, prompt: name, user: 0, opsOnly: true },
          });
          const worst = ops.reduce((most, one) => (one.ratio > most.ratio ? one : most));
          nearest = Math.max(nearest, worst.ratio);
          if (worst.isBlamed) {
            blamedTokens++;
            console.log(`  BLAMED  ${recipe}, ${name}: ${worst.tap}, ${worst.ratio.toPrecision(3)} of its limit`);
          }
        }
      }),
    );
  }
  console.log(`  ${tokens} healthy tokens: the nearest to blame is at ${nearest.toPrecision(3)} of its limit`);
  return {
    name: 'healthy tokens with an operation blamed',
    unit: `of ${tokens}`,
    samples: [blamedTokens],
    target: { relation: 'at most', value: 0 },
  };
}

/** Both sides have the scaled weights, and so the function of the plain ones. */
async function outliers(): Promise<BenchResult> {
  const { base, recipes } = await outlierRecipes();
  let right = 0;
  for (const recipe of recipes) {
    const { id, formats } = recipe;
    const checkpoint = withOutliers(base, recipe);
    const tokenIds = randomTokens(base.config.vocabSize, POSITIONS, id);
    const found = await withReference(checkpoint, (reference) =>
      withLab(checkpoint, checkpoint, '', (lab) =>
        attribute({ reference, lab, tokenIds, promptLength: POSITIONS, prompt: id, user: 0 }),
      ),
    );
    const [best] = found.changes.filter(({ direction, kind }) => direction === 'promotion' && kind === 'knob');
    const isRight = found.firstBlamed === null && formats.includes(best!.name);
    if (isRight) right++;
    console.log(
      `  ${isRight ? 'formats' : 'MISSED '}  ${id.padEnd(44)} PCC ${found.device.pcc?.toFixed(4)}, with ${best!.name} ${best!.measure.pcc?.toFixed(4)}, ` +
        `${Math.round(100 * (best!.share ?? 0))} % of the loss gone; operations blamed: ${found.ops.filter(({ isBlamed }) => isBlamed).length}`,
    );
  }
  return {
    name: 'outlier channels blamed on the formats that they break',
    unit: `of ${recipes.length}`,
    samples: [right],
    target: { relation: 'at least', value: recipes.length },
  };
}

async function seconds(): Promise<BenchResult> {
  const checkpoint = openCheckpoint(tinyCheckpoints()[0]!);
  const tokenIds = randomTokens(checkpoint.config.vocabSize, POSITIONS, 'whole');
  const start = performance.now();
  await withReference(checkpoint, (reference) =>
    withLab(
      checkpoint,
      checkpoint,
      '',
      (lab): Promise<Attribution> =>
        attribute({ reference, lab, tokenIds, promptLength: POSITIONS, prompt: 'whole', user: 0 }),
    ),
  );
  const samples = [(performance.now() - start) / 1000];
  return {
    name: `a whole attribution, ${POSITIONS} positions`,
    unit: 's',
    samples,
    target: { relation: 'at most', value: 30 },
  };
}
