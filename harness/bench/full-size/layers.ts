// How time and memory grow with the layers of Qwen2-7B: 7, 14, 28.
import type { BenchResult } from '../benchmark.ts';
import { CONTINUATION, PROMPT } from './full-model.ts';
import type { Validated, Workspace } from './workspace.ts';

const LAYERS = [7, 14, 28] as const;

export async function benchLayers(workspace: Workspace): Promise<BenchResult[]> {
  const prompts = workspace.prompts(PROMPT, CONTINUATION);
  const runs: Validated[] = [];
  for (const layers of LAYERS) {
    const checkpoint = await workspace.checkpoint('7B', layers);
    // The first run packs the weights.
    await workspace.record('n150', checkpoint, workspace.prompts(1, 1));
    runs.push(await workspace.validate(checkpoint, prompts));
    if (layers !== LAYERS[2]) workspace.dropCheckpoint(checkpoint);
  }
  const seconds = (run: Validated, side: 'goldenMs' | 'actualMs'): number => run.run.usage[side] / 1000;
  const slopes = (side: 'goldenMs' | 'actualMs'): number[] => {
    const [t7, t14, t28] = runs.map((run) => seconds(run, side));
    return [(t14! - t7!) / 7, (t28! - t14!) / 14];
  };
  const results = (['goldenMs', 'actualMs'] as const).flatMap((side): BenchResult[] => {
    const name = side === 'goldenMs' ? 'reference' : 'device';
    const [early, late] = slopes(side);
    return [
      ...runs.map((run, i) => ({ name: `${name}, ${LAYERS[i]} layers`, unit: 's', samples: [seconds(run, side)] })),
      { name: `${name}, a layer of 15 … 28 / of 8 … 14`, unit: 'of its time', samples: [late! / early!] },
    ];
  });
  const memory = runs.map(({ child }) => child.peakAnonymousGiB);
  if (memory.some((peak) => peak === undefined)) return results;
  return [
    ...results,
    ...memory.map((peak, i) => ({ name: `anonymous memory, ${LAYERS[i]} layers`, unit: 'GiB', samples: [peak!] })),
    {
      name: 'anonymous memory, 28 / 7 layers',
      unit: 'times',
      samples: [memory[2]! / memory[0]!],
      target: { relation: 'at most', value: 1.1 },
    },
  ];
}
