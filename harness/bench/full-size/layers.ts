// How time and memory grow with the layers of Qwen2-7B: 7, 14, 28.
import type { BenchResult } from '../benchmark.ts';
import { CONTINUATION, PROMPT } from './full-model.ts';
import type { Validated, Workspace } from './workspace.ts';

const LAYERS = [7, 14, 28] as const;
/** The better one counts: what the disk gives changes by a third from run to run. */
const ROUNDS = 2;
/** Of the time that the line through 7 and 14 layers gives for 28; repeated runs alone differ by that much. */
const LINEAR_WITHIN = 1.25;

export async function benchLayers(workspace: Workspace): Promise<BenchResult[]> {
  const prompts = workspace.prompts(PROMPT, CONTINUATION);
  const rounds: Validated[][] = [];
  for (const layers of LAYERS) {
    const checkpoint = await workspace.checkpoint('7B', layers);
    // The first run packs the weights.
    await workspace.record('n150', checkpoint, workspace.prompts(1, 1));
    const runs: Validated[] = [];
    for (let round = 0; round < ROUNDS; round++) runs.push(await workspace.validate(checkpoint, prompts));
    rounds.push(runs);
    if (layers !== LAYERS[2]) workspace.dropCheckpoint(checkpoint);
  }
  return [
    ...timeResults('reference', 'goldenMs', rounds),
    ...timeResults('device', 'actualMs', rounds),
    ...memory(rounds),
  ];
}

function timeResults(name: string, side: 'goldenMs' | 'actualMs', rounds: readonly Validated[][]): BenchResult[] {
  const seconds = rounds.map((runs) => runs.map(({ run }) => run.usage![side] / 1000));
  const [at7, at14, at28] = seconds.map((samples) => Math.min(...samples));
  const onLine = at7! + 3 * (at14! - at7!);
  return [
    ...seconds.map((samples, i) => ({ name: `${name}, ${LAYERS[i]} layers`, unit: 's', samples })),
    {
      name: `${name}, 28 layers / line through 7 and 14`,
      unit: 'times',
      samples: [at28! / onLine],
      target: { relation: 'at most', value: LINEAR_WITHIN },
    },
  ];
}

function memory(rounds: readonly Validated[][]): BenchResult[] {
  const peaks = rounds.map((runs) => runs.flatMap(({ child }) => child.peakAnonymousGiB ?? []));
  const [at7, , at28] = peaks.map((samples) => Math.min(...samples));
  if (peaks.some((samples) => samples.length === 0)) return [];
  return [
    ...peaks.map((samples, i) => ({ name: `anonymous memory, ${LAYERS[i]} layers`, unit: 'GiB', samples })),
    {
      name: 'anonymous memory, 28 / 7 layers',
      unit: 'times',
      samples: [at28! / at7!],
      target: { relation: 'at most', value: 1.1 },
    },
  ];
}
